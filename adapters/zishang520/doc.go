// Package zishang520 serves applications that are written against
// github.com/zishang520/socket.io/v2 v2.5.0 with the engine of this module. An
// application keeps its code and changes the line that makes its handler:
//
//	io := socket.NewServer(nil, nil)
//	http.Handle("/socket.io/", zishang520.Bind(io, nil))
//
// Its namespaces, rooms, adapters and parsers stay; handshakes, transports and
// heartbeats are package engineio's. So is the care for what comes in: the packets of a
// connection reach its listeners one at a time in the order of arrival, after the
// listeners of "connection" have returned; acknowledgements and the end of the
// connection do not wait behind them. A packet that is not one ends its connection
// and nothing else, and so does a panic while it is decoded. A panic of a listener ends
// its event, one of a namespace's middleware the connection; that of a listener of
// "connection" still ends the process, since socket.io/v2 calls it on a goroutine of its
// own.
//
// A program needs a line in its go.mod, since it can have one version of QUIC only and
// engine.io/v2 cannot be compiled with the present one; the directory is that of this
// module's package of the same name:
//
//	replace github.com/zishang520/webtransport-go => …/adapters/zishang520/webtransport
package zishang520
