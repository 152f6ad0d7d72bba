// Package clientdemo is the chat page, built by Vite into dist and embedded in the binary.
package clientdemo

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

// policy allows what the page does, from its own origin only: its script, its style, its icon, and the socket
// ('self' covers ws and wss of the same host).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pathInPage is the page's note of where Socket.IO is served, as it is built.
const pathInPage = `content="/socket.io/"`

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Parley</title>
<h1>Parley is running</h1>
<p>The demo page was not built into this binary. Build it with <code>make build</code>, then start <code>bin/parley</code>.</p>
</html>
`

// contentTypes names every kind of file that the build makes. The table of the mime package depends on the machine.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Handler serves the demo: the page at /, its files below, 404 for every other path. socketPath tells the page where
// Socket.IO is served.
func Handler(socketPath string) http.Handler {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path
	}
	return handler(built, socketPath)
}

type file struct {
	name         string
	content      []byte
	contentType  string
	cacheControl string
	etag         string
}

func handler(built fs.FS, socketPath string) http.Handler {
	files := load(built, socketPath)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		f, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h.Set("Content-Type", f.contentType)
		h.Set("Cache-Control", f.cacheControl)
		h.Set("ETag", f.etag)
		http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.content))
	})
}

// load maps each URL path to its file. Files of no known kind, such as .gitkeep, are not served.
func load(built fs.FS, socketPath string) map[string]file {
	files := map[string]file{"/": newFile("index.html", []byte(notBuilt))}
	err := fs.WalkDir(built, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || contentTypes[path.Ext(name)] == "" {
			return err
		}
		content, err := fs.ReadFile(built, name)
		if err != nil {
			return err
		}
		if name == "index.html" {
			content = bytes.Replace(content, []byte(pathInPage), []byte(`content="`+html.EscapeString(socketPath)+`"`), 1)
			files["/"] = newFile(name, content)
			return nil
		}
		files["/"+name] = newFile(name, content)
		return nil
	})
	if err != nil {
		panic(err) // an embedded file system does not fail
	}
	return files
}

func newFile(name string, content []byte) file {
	sum := sha256.Sum256(content)
	cacheControl := "no-cache"
	if strings.HasPrefix(name, "assets/") { // Vite puts a hash of the content into these names
		cacheControl = "public, max-age=31536000, immutable"
	}
	return file{
		name:         name,
		content:      content,
		contentType:  contentTypes[path.Ext(name)],
		cacheControl: cacheControl,
		etag:         `"` + hex.EncodeToString(sum[:16]) + `"`,
	}
}
