package socketio

import (
	"context"
	"time"
)

// A socketContext is a socket seen as the context of its life: it ends when the
// socket is closed, and context.Cause says why. The standard library's context
// behind it is made when somebody first waits for it, so an idle socket has none.
type socketContext Socket

func (c *socketContext) Deadline() (time.Time, bool) { return time.Time{}, false }

func (c *socketContext) Done() <-chan struct{} { return (*Socket)(c).lifetime().Done() }

func (c *socketContext) Err() error {
	if (*Socket)(c).Connected() {
		return nil
	}
	return (*Socket)(c).lifetime().Err()
}

// Value answers for the standard library, which asks a parent for its own kind
// of context and then needs no goroutine to follow it.
func (c *socketContext) Value(key any) any {
	s := (*Socket)(c)
	s.mu.Lock()
	idle := s.life == nil && s.state.Load() != stateClosed
	s.mu.Unlock()
	if idle {
		return nil
	}
	return s.lifetime().Value(key)
}

// lifetime returns the context that end cancels.
func (s *Socket) lifetime() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life == nil {
		s.life, s.cancel = context.WithCancelCause(context.Background())
		if s.state.Load() == stateClosed {
			s.cancel(s.closedError(s.reason))
		}
	}
	return s.life
}

// A handlerContext is what handlers and hooks of a socket get. Holding a single
// pointer it becomes an interface without an allocation.
type handlerContext struct{ *socketContext }

type handlerKey struct{}

func (c handlerContext) Value(key any) any {
	if key == (handlerKey{}) {
		return (*Socket)(c.socketContext)
	}
	return c.socketContext.Value(key)
}

// An ackContext is a handlerContext for an event that wants an acknowledgement.
type ackContext struct{ handlerContext }

type ackKey struct{}

func (c ackContext) Value(key any) any {
	if key == (ackKey{}) {
		return true
	}
	return c.handlerContext.Value(key)
}

func (s *Socket) handlerContext() handlerContext { return handlerContext{(*socketContext)(s)} }

// HasAck reports whether the client waits for an acknowledgement of the event
// whose handler got ctx.
func HasAck(ctx context.Context) bool { return ctx.Value(ackKey{}) != nil }

// handles reports whether ctx is that of a handler of s.
func (s *Socket) handles(ctx context.Context) bool { return ctx.Value(handlerKey{}) == s }
