// Package socketiotest is a Socket.IO client for tests. It talks to a server, or
// to any http.Handler that has one mounted, in memory and over the bytes of the
// real protocol: no port is opened, yet nothing between the wire and the handlers
// is left out.
//
//	io := socketio.New(nil)
//	chat.Mount(io)
//	alice := socketiotest.Connect(t, io, "/chat", nil)
//	alice.Emit("join", map[string]string{"roomId": "r"})
//	users := alice.Expect("room-users")
//
// A Client keeps what it receives until the test asks for it, so nothing is missed
// and nothing needs a pause. It never comes back by itself after its end.
package socketiotest
