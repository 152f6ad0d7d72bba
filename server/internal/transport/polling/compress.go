package polling

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"

	"parley/server/internal/negotiate"
	"parley/server/internal/transport"
)

// compressionLevel makes JSON nearly as small as the default level, in half of
// the time.
const compressionLevel = 3

// A compressor is a writer that can be used again.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// compressors are kept by the name of their content coding. One takes most of a
// megabyte, so only turns of them are in use at one time: each for the time of
// a computation, since the result goes to memory and waits for no client.
var (
	compressors = map[string]*sync.Pool{
		"gzip":    {New: func() any { return must(gzip.NewWriterLevel(nil, compressionLevel)) }},
		"deflate": {New: func() any { return must(zlib.NewWriterLevel(nil, compressionLevel)) }},
	}
	turns = make(chan struct{}, runtime.GOMAXPROCS(0))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// compress returns the body in a coding that the client accepts and tells so in
// the header, or returns it as it is if that is better.
func (t *Transport) compress(head http.Header, r *http.Request, batch []transport.Message, body []byte) []byte {
	if !t.compressible(batch, len(body)) {
		return body
	}
	head.Add("Vary", "Accept-Encoding")
	coding := negotiate.Encoding(r.Header.Values("Accept-Encoding"), "gzip", "deflate")
	if coding == "" {
		return body
	}
	var packed bytes.Buffer
	pack(&packed, coding, body)
	if packed.Len() >= len(body) {
		return body
	}
	head.Set("Content-Encoding", coding)
	return packed.Bytes()
}

// compressible reports whether an answer of the given size should be
// compressed, for any client that accepts it: if a packet in it may be.
func (t *Transport) compressible(batch []transport.Message, size int) bool {
	return t.limits.CompressionThreshold > 0 && size >= t.limits.CompressionThreshold &&
		slices.ContainsFunc(batch, transport.Message.Compressible)
}

// pack compresses a body.
func pack(to *bytes.Buffer, coding string, body []byte) {
	turns <- struct{}{}
	defer func() { <-turns }()
	to.Grow(len(body) / 2)
	pool := compressors[coding]
	c := pool.Get().(compressor)
	c.Reset(to)
	// A buffer takes everything.
	_, _ = c.Write(body)
	_ = c.Close()
	c.Reset(nil) // lest it keep the body alive
	pool.Put(c)
}
