package clientfiles

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// names are the files that a Node server has under its path.
var names = []string{
	"socket.io.js", "socket.io.js.map", "socket.io.min.js", "socket.io.min.js.map", "socket.io.msgpack.min.js",
	"socket.io.msgpack.min.js.map", "socket.io.esm.min.js", "socket.io.esm.min.js.map",
}

func get(method, name string, header ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/socket.io/"+name, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	Serve(w, r, name, time.Minute)
	return w
}

func TestFilesComePlainAndCompressed(t *testing.T) {
	for _, name := range names {
		if !Has(name) {
			t.Fatalf("no %s", name)
		}
		plain := get(http.MethodGet, name)
		packed := get(http.MethodGet, name, "Accept-Encoding", "gzip, br")
		if plain.Code != 200 || packed.Code != 200 || packed.Body.Len() > plain.Body.Len()/2 || packed.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: status %d and %d, %d and %d bytes, %v", name, plain.Code, packed.Code, plain.Body.Len(), packed.Body.Len(), packed.Header())
		}
		for _, w := range []*httptest.ResponseRecorder{plain, packed} {
			head := w.Header()
			if head.Get("Content-Length") != strconv.Itoa(w.Body.Len()) || head.Get("ETag") != `"`+version+`"` ||
				head.Get("Cache-Control") != "public, max-age=0" || head.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s: %d bytes, %v", name, w.Body.Len(), head)
			}
		}
		z, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if unpacked, err := io.ReadAll(z); err != nil || string(unpacked) != plain.Body.String() {
			t.Errorf("%s: compressed and plain differ: %v", name, err)
		}
	}
}

func TestContentTypes(t *testing.T) {
	for name, want := range map[string]string{
		"socket.io.js":     "application/javascript; charset=utf-8",
		"socket.io.js.map": "application/json; charset=utf-8",
	} {
		if got := get(http.MethodGet, name).Header().Get("Content-Type"); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	w := get(http.MethodHead, "socket.io.js")
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "0" {
		t.Errorf("%d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
}

func TestCachedFilesAreNotSentAgain(t *testing.T) {
	tag := `"` + version + `"`
	for value, want := range map[string]int{
		tag: 304, "W/" + tag: 304, `"x", W/` + tag: 304, "*": 304, `"x"`: 200, version: 200, "": 200, `W/"x"`: 200,
	} {
		w := get(http.MethodGet, "socket.io.min.js", "If-None-Match", value)
		if w.Code != want || want == 304 && w.Body.Len() > 0 || w.Header().Get("ETag") != tag {
			t.Errorf("%s: %d, %d bytes, %v", value, w.Code, w.Body.Len(), w.Header())
		}
	}
}

func TestOtherNamesAreNone(t *testing.T) {
	for _, name := range []string{
		"", "socket.io", "version", "socket.io.js.gz", "socket.io.mjs", "../clientfiles.go", "socket.io.js/", "/socket.io.js",
		"SOCKET.IO.JS", "socket.io.js\x00", "socket.io.dist/../version", "engine.io.js",
	} {
		if Has(name) {
			t.Errorf("%q is served", name)
		}
	}
}
