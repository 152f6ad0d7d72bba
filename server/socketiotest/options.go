package socketiotest

import (
	"net/http"
	"net/url"
)

// The transports.
const (
	WebSocket = "websocket"
	Polling   = "polling"
)

// Options configure a Client. Nil and zero are the defaults.
type Options struct {
	// Auth is what the client sends to show who it is; it becomes a JSON
	// object. Nothing if nil.
	Auth any
	// Transport is WebSocket, which is the default, or Polling.
	Transport string
	// Path is where the server is mounted. "/socket.io/" if empty.
	Path string
	// Header and Query are added to the requests.
	Header http.Header
	Query  url.Values
	// MessagePack makes the client speak as with socket.io-msgpack-parser: a packet
	// with its attachments is one binary message.
	MessagePack bool
	// Mute makes the client not answer pings, as if it had died.
	Mute bool
}

func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Transport == "" {
		c.Transport = WebSocket
	}
	if c.Path == "" {
		c.Path = "/socket.io/"
	}
	return c
}
