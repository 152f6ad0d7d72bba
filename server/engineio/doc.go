// Package engineio serves Engine.IO 4 sessions, and where Options.AllowEIO3 is
// set those of revision 3: handshake, heartbeat, upgrade from polling to another
// transport, close, and a bounded send queue.
//
// The protocol: https://github.com/socketio/socket.io/blob/main/docs/engine.io-protocol/v4-current.md
//
// A [Server] is an http.Handler. Each session's messages go to the [Receiver]
// that the server's accept function returned for it, before any of them was
// read, so none can come too early.
package engineio
