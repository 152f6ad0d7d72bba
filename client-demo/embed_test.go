package clientdemo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

const page = `<!doctype html><meta name="socket-path" content="/socket.io/"><title>demo</title>`

var builtDemo = fstest.MapFS{
	".gitkeep":              {},
	"index.html":            {Data: []byte(page)},
	"favicon.svg":           {Data: []byte("<svg/>")},
	"assets/index-abc.js":   {Data: []byte("let x")},
	"assets/index-abc.css":  {Data: []byte("p{}")},
	"assets/index-abc.wasm": {Data: []byte("no kind of file that the page has")},
}

func request(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFilesAreServedWithTypeAndCaching(t *testing.T) {
	const immutable = "public, max-age=31536000, immutable"
	h := handler(builtDemo, "/socket.io/")
	for _, want := range []struct{ path, contentType, cacheControl, body string }{
		{"/", "text/html; charset=utf-8", "no-cache", page},
		{"/favicon.svg", "image/svg+xml", "no-cache", "<svg/>"},
		{"/assets/index-abc.js", "text/javascript; charset=utf-8", immutable, "let x"},
		{"/assets/index-abc.css", "text/css; charset=utf-8", immutable, "p{}"},
	} {
		res := request(h, "GET", want.path)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", want.path, res.StatusCode)
		}
		if got := res.Header.Get("Content-Type"); got != want.contentType {
			t.Errorf("%s: Content-Type %q, want %q", want.path, got, want.contentType)
		}
		if got := res.Header.Get("Cache-Control"); got != want.cacheControl {
			t.Errorf("%s: Cache-Control %q, want %q", want.path, got, want.cacheControl)
		}
		if got := body(t, res); got != want.body {
			t.Errorf("%s: body %q, want %q", want.path, got, want.body)
		}
	}
}

func TestUnknownPathsAreNotFound(t *testing.T) {
	h := handler(builtDemo, "/socket.io/")
	for _, path := range []string{"/nothing", "/index.html/", "/assets/", "/assets", "/.gitkeep", "/assets/index-abc.wasm", "/../embed.go"} {
		if res := request(h, "GET", path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, res.StatusCode)
		}
	}
}

func TestOnlyGetAndHeadAreAllowed(t *testing.T) {
	h := handler(builtDemo, "/socket.io/")
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		res := request(h, method, "/")
		if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, res.StatusCode, res.Header.Get("Allow"))
		}
	}
	res := request(h, "HEAD", "/")
	if res.StatusCode != http.StatusOK || res.ContentLength != int64(len(page)) || body(t, res) != "" {
		t.Errorf("HEAD: status %d, Content-Length %q", res.StatusCode, res.Header.Get("Content-Length"))
	}
}

func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	h := handler(builtDemo, "/socket.io/")
	etag := request(h, "GET", "/").Header.Get("ETag")
	if etag == "" {
		t.Fatal("no ETag")
	}
	if res := request(h, "GET", "/", "If-None-Match", etag); res.StatusCode != http.StatusNotModified {
		t.Errorf("same ETag: status %d, want 304", res.StatusCode)
	}
	if res := request(h, "GET", "/", "If-None-Match", `"other"`); res.StatusCode != http.StatusOK {
		t.Errorf("other ETag: status %d, want 200", res.StatusCode)
	}
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	h := handler(builtDemo, "/socket.io/")
	for _, path := range []string{"/", "/assets/index-abc.js", "/nothing"} {
		header := request(h, "GET", path).Header
		if got := header.Get("Content-Security-Policy"); got != policy {
			t.Errorf("%s: Content-Security-Policy %q", path, got)
		}
		if got := header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", path, got)
		}
	}
}

func TestUnbuiltDemoNamesTheCommand(t *testing.T) {
	h := handler(fstest.MapFS{".gitkeep": {}}, "/socket.io/")
	res := request(h, "GET", "/")
	if res.StatusCode != http.StatusOK || !strings.Contains(body(t, res), "make build") {
		t.Errorf("status %d, and the page does not name the command", res.StatusCode)
	}
	if res := request(h, "GET", "/favicon.svg"); res.StatusCode != http.StatusNotFound {
		t.Errorf("favicon: status %d, want 404", res.StatusCode)
	}
}

func TestPageIsToldWhereSocketIOIs(t *testing.T) {
	got := body(t, request(handler(builtDemo, `/rt"/`), http.MethodGet, "/"))
	if want := `<meta name="socket-path" content="/rt&#34;/">`; !strings.Contains(got, want) {
		t.Errorf("page %q does not contain %q", got, want)
	}
}
