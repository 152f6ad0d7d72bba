// Package clientfiles holds the browser bundles of the official client, from
// the npm package socket.io (MIT, see LICENSE), and serves them. update.mjs
// packs them.
package clientfiles

import (
	"compress/gzip"
	"embed"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parley/server/internal/negotiate"
)

//go:embed dist
var dist embed.FS

// version is that of the npm package.
//
//go:embed dist/version
var version string

// packed is the ending of a file as it is stored.
const packed = ".gz"

// Has reports whether name, such as "socket.io.min.js", is one of the files.
func Has(name string) bool {
	if !strings.HasPrefix(name, "socket.io.") || strings.Contains(name, "/") {
		return false
	}
	f, err := dist.Open("dist/" + name + packed)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// Serve answers a GET or HEAD with a file that Has knows, for the cache too.
// The client must take each piece of it within the timeout.
func Serve(w http.ResponseWriter, r *http.Request, name string, timeout time.Duration) {
	etag := `"` + version + `"`
	head := w.Header()
	head.Set("Cache-Control", "public, max-age=0")
	head.Set("ETag", etag)
	head.Add("Vary", "Accept-Encoding")
	if matches(r.Header.Values("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	kind := "application/javascript; charset=utf-8"
	if strings.HasSuffix(name, ".map") {
		kind = "application/json; charset=utf-8"
	}
	head.Set("Content-Type", kind)
	head.Set("X-Content-Type-Options", "nosniff")
	_ = send(w, r, name, timeout) // who is gone, or does not read, cannot be told
}

// send writes the header and the content. After an error net/http ends the
// connection, since the announced length has not been sent.
func send(w http.ResponseWriter, r *http.Request, name string, timeout time.Duration) error {
	f, err := dist.Open("dist/" + name + packed)
	if err != nil {
		return err
	}
	defer f.Close()
	content, size, err := encode(w, r, f.(io.ReadSeeker))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	out := pieces{w, http.NewResponseController(w), timeout}
	if _, err := io.Copy(out, content); err != nil {
		return err
	}
	if err := out.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = out.control.SetWriteDeadline(time.Time{})
	return nil
}

// encode returns a file's content as the client can read it, and its size.
func encode(w http.ResponseWriter, r *http.Request, f io.ReadSeeker) (io.Reader, int64, error) {
	if negotiate.Encoding(r.Header.Values("Accept-Encoding"), "gzip") != "" {
		w.Header().Set("Content-Encoding", "gzip")
		size, err := f.Seek(0, io.SeekEnd)
		if err == nil {
			_, err = f.Seek(0, io.SeekStart)
		}
		return f, size, err
	}
	var last [4]byte // the size of the content (RFC 1952, section 2.3.1)
	if _, err := f.Seek(-int64(len(last)), io.SeekEnd); err != nil {
		return nil, 0, err
	}
	if _, err := io.ReadFull(f, last[:]); err != nil {
		return nil, 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, 0, err
	}
	plain, err := gzip.NewReader(f)
	return plain, int64(binary.LittleEndian.Uint32(last[:])), err
}

// pieces gives each write a time of its own.
type pieces struct {
	to      io.Writer
	control *http.ResponseController
	timeout time.Duration
}

func (p pieces) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(p.timeout))
	return p.to.Write(b)
}

// matches reports whether the values of an If-None-Match header name the tag,
// which weak ones do too (RFC 9110, section 13.1.2).
func matches(values []string, etag string) bool {
	for _, line := range values {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == etag || tag == "*" {
				return true
			}
		}
	}
	return false
}
