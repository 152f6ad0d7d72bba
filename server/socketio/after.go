package socketio

import "context"

// afterReply is what AfterReply has been given.
var afterReply = NewKey[[]func()]("after the reply")

// AfterReply runs f when what the client gets to know of the outcome of an event, its
// acknowledgement or the event "error", has been sent: what f emits to the socket
// comes after it. It is for the handler of the event, which calls it with its context
// on its own goroutine; f runs on this too, before the next event of the socket.
func AfterReply(ctx context.Context, f func()) {
	s, ok := ctx.Value(handlerKey{}).(*Socket)
	if !ok {
		panic("socketio: AfterReply outside of a handler")
	}
	list, _ := afterReply.Get(s)
	afterReply.Set(s, append(list, f))
	s.after = true
}

// runAfter runs what waits for the reply.
func (s *Socket) runAfter() {
	list, _ := afterReply.Get(s)
	afterReply.Set(s, nil)
	s.after = false
	for _, f := range list {
		s.guard(f)
	}
}
