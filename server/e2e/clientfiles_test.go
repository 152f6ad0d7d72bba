package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"parley/server/socketio"
)

func TestClientFilesAreThoseOfThePackage(t *testing.T) {
	srv := start(t, socketio.Options{})
	const dir = "js/node_modules/socket.io"
	files, err := os.ReadDir(filepath.Join(dir, "client-dist"))
	if err != nil || len(files) != 8 {
		t.Fatalf("%d files, %v; run make test, which installs the package", len(files), err)
	}
	var pkg struct{ Version string }
	if text, err := os.ReadFile(filepath.Join(dir, "package.json")); err != nil || json.Unmarshal(text, &pkg) != nil {
		t.Fatal(err)
	}
	etag := `"` + pkg.Version + `"`
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(dir, "client-dist", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		kind := map[string]string{".js": "application/javascript; charset=utf-8", ".map": "application/json; charset=utf-8"}[filepath.Ext(f.Name())]
		for _, header := range [][]string{nil, {"Accept-Encoding", "identity"}} {
			a := must(requestPath(t, srv, "GET", f.Name()+"?x=1", "", header...))(t)
			if a.status != 200 || a.body != string(want) {
				t.Errorf("%s: status %d, %d bytes, want %d; update.mjs packs them", f.Name(), a.status, len(a.body), len(want))
			}
			if a.header.Get("ETag") != etag || a.header.Get("Cache-Control") != "public, max-age=0" || a.header.Get("Content-Type") != kind {
				t.Errorf("%s: %v", f.Name(), a.header)
			}
		}
		if a := must(requestPath(t, srv, "GET", f.Name(), "", "If-None-Match", "W/"+etag))(t); a.status != http.StatusNotModified || a.body != "" {
			t.Errorf("%s: status %d, %d bytes though it is cached", f.Name(), a.status, len(a.body))
		}
		if a := must(requestPath(t, srv, "HEAD", f.Name(), ""))(t); a.status != 200 || a.body != "" {
			t.Errorf("HEAD %s: status %d, %d bytes", f.Name(), a.status, len(a.body))
		}
	}
	for _, name := range []string{"socket.io.mjs", "socket.io.js.gz", "version", "../socket.io/socket.io.css"} {
		if a := must(requestPath(t, srv, "GET", name, ""))(t); a.status != http.StatusBadRequest || a.body != refusals[0] {
			t.Errorf("%s: %d %.80q", name, a.status, a.body)
		}
	}
}
