// Package socketio is a Socket.IO server. Unmodified clients of the official
// libraries talk to it: 3.x and 4.x, and 1.x and 2.x where Options.AllowEIO3 is set;
// over HTTP long-polling and WebSocket, and WebTransport with package webtransport.
//
//	io := socketio.New(nil)
//	chat := io.Of("/chat")
//	chat.Use(authenticate)
//	socketio.OnAck(chat, "join", func(ctx context.Context, s *socketio.Socket, in Join) (Joined, error) {
//		if err := s.Join(in.Room); err != nil {
//			return Joined{}, err
//		}
//		return Joined{Room: in.Room}, s.To(in.Room).Emit("user-joined", in.User)
//	})
//	http.Handle("/socket.io/", io)
//
// Start with five names: a [Server] has [Namespace]s, each with handlers ([On],
// [OnAck]), and with the [Socket]s of its clients; a [Target] says who gets an event.
// [Call] asks one client and waits for its answer, [CallAll] asks many.
//
// # Handlers
//
// Handlers are declared once, on the [Namespace], with the Go types of what comes in
// and goes out; an event's arguments are decoded straight into them. [Server.OfRegexp]
// and [Server.OfFunc] make one namespace stand for many, whose names clients choose.
//
// Whether a client may connect, [Namespace.Use] decides; then come the hooks of
// [Namespace.OnConnect]. An event passes the listeners of [Namespace.OnAny], the
// middlewares of [Namespace.UseEvent], and its handler, or that of [OnUnhandled] if it
// has none. At the end come the hooks of [Namespace.OnDisconnect], and of
// [Namespace.OnGone] once the client cannot come back to where it was.
//
// # Promises
//
//  1. Events of one socket are handled one at a time, in the order of arrival, over
//     a change of transport too: the connect hooks first, the disconnect hooks last.
//  2. Acknowledgements, pings and closes never wait behind a handler. A handler may
//     [Call] its own client, and its context ends when the client is gone.
//  3. What is emitted to a socket from one goroutine arrives in the order of the
//     calls. A packet and its attachments are never parted.
//  4. Queues are bounded in bytes and packets. A client that does not read is closed
//     with [ReasonSlow], and nobody else notices. Volatile events never queue. A
//     client that sends faster than it is served is read from more slowly.
//  5. A panic in a handler ends that event, not the process: it is logged with its
//     stack, and the client hears of an internal error.
//  6. After [Server.Shutdown] no goroutine is left. Shutdown and [Server.Drain] close
//     transports, so that clients come back; they never send DISCONNECT, after
//     which these would not.
//
// # Goroutines
//
// All functions and methods may be called from any goroutine, and none but those
// with a context blocks. A handler may block as long as it likes: it runs on the
// goroutine that reads while it is quick, and on its own when it is not, and only
// events of its own socket wait for it. What takes long and need not keep the order
// belongs on a goroutine of the application's.
//
// # Arguments
//
// Arguments are JSON as JavaScript knows it: struct fields match by their exact
// name, unknown fields are ignored, duplicate ones refused, text is valid UTF-8,
// and nil slices and maps are empty, not null. []byte is binary wherever it stands,
// as a Buffer is in Node. What is only passed on may be taken as a [Value], which
// is never decoded. An event with several arguments has the type [Args2], [Args3] or
// [Args]; one without, [None].
//
// The first message of a client tells whether it speaks text, as most do, or
// MessagePack (socket.io-msgpack-parser). Handlers cannot tell the difference.
//
// # HTTP
//
// A [Server] is an http.Handler, so what Express calls middleware is a handler
// around it. It serves any path that it is mounted at; clients with
// addTrailingSlash: false need a second line:
//
//	http.Handle("/socket.io/", io)
//	http.Handle("/socket.io", io)
//
// It has the browser bundles of the official client too, as
// /socket.io/socket.io.js and its siblings.
//
// One allow-list, [Options].AllowedOrigins and AllowOrigin, holds for every
// transport: a page of another origin is refused, not merely kept from reading the
// answers. [Server.Admit] applies it to other handlers. What decides about a single
// client belongs in Options.AllowRequest, which sees the HTTP request, or in
// [Namespace.Use], which sees the credentials.
//
// # Recovery
//
// With [Namespace.EnableRecovery] a client that lost its connection comes back with
// its id, rooms and data, and gets what it missed, each event once and in order, or
// else as a new client, never with a gap. [Namespace.OnDisconnect] tells of each
// connection that ended, [Namespace.OnGone] of a client that did not come back.
//
// # Several servers
//
// Options.Adapter ties the namespaces of several servers together: a [Target] then means
// the sockets of all of them, unless it is Local. What happens on this server happens
// at once; the others follow, in the order of the calls. Where they cannot be reached
// they miss it, which is logged; what this server may have missed, [Namespace.OnMissed]
// tells. Calls that wait for others return what there is when
// their context ends, with a [PartialError]. Servers talk to each other with
// [Namespace.ServerSideEmit] and [ServerSideCall].
package socketio
