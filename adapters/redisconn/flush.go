package redisconn

import "context"

// Flush returns when all commands that were queued with the pin before are done. Its error says that one of them was not carried out.
func (c *Conn) Flush(ctx context.Context, pin string) error { return c.lane(pin).flush(ctx) }

// FlushAll is Flush for all pins.
func (c *Conn) FlushAll(ctx context.Context) error {
	for i := range c.lanes {
		l := &c.lanes[i]
		l.mu.Lock()
		used := l.wake != nil
		l.mu.Unlock()
		if !used {
			continue
		}
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) flush(ctx context.Context) error {
	done := make(chan error, 1)
	err := l.push(&command{done: l.tracked(func(err error) { done <- err })})
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// After calls f, as done of Publish is, when all commands that were queued with the pin before are done. An error, ErrClosed, says that it will not.
func (c *Conn) After(pin string, f func()) error {
	return c.lane(pin).push(&command{done: func(any, error) { f() }})
}

// tracked returns what finishes a command or mark pushed now: f is told whether it, or any before it that is queued now, was not carried out.
func (l *lane) tracked(f func(error)) func(any, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.failures
	return func(_ any, err error) {
		l.mu.Lock()
		if err == nil && l.failures > before {
			err = l.failure
		}
		l.mu.Unlock()
		f(err)
	}
}
