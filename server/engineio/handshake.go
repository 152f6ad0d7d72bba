package engineio

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// A Handshake is the request that began a session. The request itself is not
// kept: at rest a session holds one string of it.
type Handshake struct {
	// Time is when the request came.
	Time time.Time
	// RemoteAddr is the network address of the client, host:port.
	RemoteAddr string
	// Secure reports whether the connection is encrypted.
	Secure bool
	// Revision is that of the protocol: 4, or 3 for clients 1.x and 2.x.
	Revision uint8
	// URL is the request's path and query.
	URL string

	header string // in wire form
}

func newHandshake(r *http.Request, revision uint8) *Handshake {
	var b strings.Builder
	b.Grow(256)
	b.WriteString("Host: ")
	b.WriteString(r.Host)
	b.WriteString("\r\n")
	_ = r.Header.Write(&b)
	return &Handshake{
		Time:       time.Now(),
		RemoteAddr: r.RemoteAddr,
		Secure:     r.TLS != nil,
		URL:        r.URL.RequestURI(),
		Revision:   revision,
		header:     b.String(),
	}
}

// size returns how much of the request is kept, in bytes.
func (h *Handshake) size() int { return len(h.URL) + len(h.header) }

// CrossDomain reports whether a browser sent the request for a page, which it
// names in the header Origin; a GET of the server's own pages is without.
func (h *Handshake) CrossDomain() bool { return strings.Contains(h.header, "\r\nOrigin: ") }

// Header returns the request's header, Host among it. Each call parses it
// anew.
func (h *Handshake) Header() http.Header {
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(h.header + "\r\n")))
	header, err := r.ReadMIMEHeader()
	if err != nil {
		return http.Header{}
	}
	return http.Header(header)
}

// Query returns the request's query. Each call parses it anew.
func (h *Handshake) Query() url.Values {
	_, query, _ := strings.Cut(h.URL, "?")
	values, _ := url.ParseQuery(query)
	return values
}

// idBytes is the size of what is random in a session id: 120 bits.
const idBytes = 15

// newID returns a session id. It is a bearer secret: who knows it can speak
// for the session.
func newID(tag string) string {
	var b [idBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	var room [maxTag + idBytes/3*4]byte
	return string(base64.RawURLEncoding.AppendEncode(append(room[:0], tag...), b[:]))
}

// maxTag is the length in bytes of the longest Options.NodeTag.
const maxTag = 32

func notInTag(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
}
