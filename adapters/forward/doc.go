// Package forward lets several servers stand behind a load balancer that remembers nothing: a request of a session
// that reaches the wrong server is passed on to the one that has the session. Polling needs that, because each of its
// requests may go anywhere, and so does the WebSocket to which a polling session changes. A client that begins with a
// WebSocket has one connection for all, and costs nothing here.
//
//	l, err := net.Listen("tcp", "10.0.0.7:3000")
//	node, err := forward.New(client, &forward.Options{URL: "http://10.0.0.7:3000"})
//	io := socketio.New(&socketio.Options{NodeTag: node.Tag(), Adapter: …})
//	http.Handle("/socket.io/", node.Handler(io))
//
// Every session's id begins with its server's tag ([socketio.Options.NodeTag]); a directory in Redis says where the
// servers are. All of them must serve io under one path. A request of a session whose server is unknown, dead or
// standing still ([Options.PeerTimeout]) is left to the server at hand, which answers "Session ID unknown" (code 1), and
// the client connects anew.
//
// The servers trust each other by a secret, which they share through Redis unless [Options.Secret] is given: a
// forwarded request is signed together with the client's address, its Host and whether it came encrypted, and these
// are what the session's server then sees. Nobody else can say so. What the servers say to each other is encrypted
// where their URLs are https. A request is passed on once, never further.
//
// WebTransport cannot be passed on: a session that was begun by polling stays with that, or with WebSocket, if its
// WebTransport comes to another server.
package forward
