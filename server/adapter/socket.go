package adapter

import (
	"net/http"
	"net/url"
	"time"
)

// A Socket describes a socket to other servers.
type Socket struct {
	ID        string
	Handshake Handshake
	// Rooms are those that the socket is in, the one with its own id included.
	Rooms []string
	// Data is a JSON object: what the application shares about the socket.
	Data []byte
}

// A Handshake is the request with which a client came, and its credentials.
type Handshake struct {
	Header http.Header
	Query  url.Values
	// Time is when the request came.
	Time time.Time
	// RemoteAddr is the network address of the client, host:port.
	RemoteAddr string
	// Secure reports whether the connection is encrypted.
	Secure bool
	// URL is the request's path and query.
	URL string
	// Auth is the JSON object that the client sent for the namespace, nil if
	// none.
	Auth []byte
}
