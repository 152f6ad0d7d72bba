package socketio

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"parley/server/adapter"
)

// A PartialError comes with results that are not all: Answered of Expected gave one.
// It wraps why the others did not, the context's error where the time was over,
// ErrClosed where clients have left.
type PartialError = adapter.PartialError

// CallAll emits an event to the target and waits for the acknowledgements of all
// its sockets, whose one argument each is a result; Out may also be None, Args2,
// Args3 or Args. They come in the order of arrival. Where sockets leave, or have not
// answered when ctx ends, it returns what there is and a *PartialError, which counts
// sockets. Without any socket it returns at once.
//
// Handlers may call all, their own client too. Ctx should have a deadline: clients
// may never answer.
func CallAll[Out any](ctx context.Context, t Target, event string, args ...any) ([]Out, error) {
	var all []Out
	for out, err := range CallEach[Out](ctx, t, event, args...) {
		if err != nil {
			return all, err
		}
		all = append(all, out)
	}
	return all, nil
}

// CallEach is CallAll with the answers as they arrive: the event is emitted when the
// iteration begins, and nobody is waited for once it has ended. An error comes last.
func CallEach[Out any](ctx context.Context, t Target, event string, args ...any) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var none Out
		decode := decoderOf[Out]()
		w, err := t.ask(ctx, event, args)
		if err != nil {
			yield(none, err)
			return
		}
		defer w.stop()
		for w.next(ctx) {
			out, err := decode(w.answer)
			if err != nil {
				w.refuse(err)
				continue
			}
			w.answered++
			if !yield(out, nil) {
				return
			}
		}
		if err := w.result(ctx); err != nil {
			yield(none, err)
		}
	}
}

// A wait is a broadcast that wants acknowledgements, here and on other servers.
type wait struct {
	tally
	answered int
	answer   arguments // the latest
	surveys  []*survey // one for each namespace
	cancels  []context.CancelFunc
	asking   sync.WaitGroup // those that wait for other servers
}

// ask emits an event that wants acknowledgements. The caller must stop the wait.
func (t Target) ask(ctx context.Context, event string, args []any) (*wait, error) {
	if t.ns.server.closed.Load() {
		return nil, ErrClosed
	}
	w := &wait{tally: tally{changed: make(chan struct{}, 1)}}
	for _, t := range t.each() {
		if err := w.ask(ctx, t, event, args); err != nil {
			w.stop()
			return nil, err
		}
	}
	return w, nil
}

// ask asks the sockets of a target that is not a parent's.
func (w *wait) ask(ctx context.Context, t Target, event string, args []any) error {
	asker, _ := ctx.Value(handlerKey{}).(*Socket)
	survey := t.ns.newSurvey(localAcks{&w.tally}, asker)
	p, err := encodeEvent(t.ns, survey.id, event, args)
	if err != nil {
		return err
	}
	if t.flags.uncompressed {
		p.uncompressed()
	}
	if t.direct {
		survey.send(&p, []*Socket{t.self}, nil, t.flags)
	} else {
		c := t.gather()
		survey.send(&p, c.sockets, t.self, t.flags)
		c.release()
	}
	w.surveys = append(w.surveys, survey)
	if peers := t.remote(); peers != nil {
		w.askPeers(ctx, peers, t, p.payload)
	}
	return nil
}

// askPeers asks the sockets of other servers, on a goroutine that stop waits for.
func (w *wait) askPeers(ctx context.Context, peers *peers, t Target, p adapter.Payload) {
	f := t.flags.wire()
	if deadline, ok := ctx.Deadline(); ok {
		f.Timeout = max(time.Until(deadline), time.Millisecond)
	}
	ctx, cancel := context.WithCancel(ctx)
	w.cancels = append(w.cancels, cancel)
	w.begin()
	w.asking.Go(func() {
		w.asked(peers.BroadcastAck(ctx, p, t.selection(), f, foreignAcks{&w.tally, t.ns}))
	})
}

// stop ends the waiting. It may be called again.
func (w *wait) stop() {
	for _, survey := range w.surveys {
		survey.stop()
	}
	for _, cancel := range w.cancels {
		cancel()
	}
	w.asking.Wait()
}

// next waits for an answer, and reports whether one has come. No more do when all
// have answered or are gone, or when ctx has ended.
func (w *wait) next(ctx context.Context) bool {
	for {
		answer, ok, complete := w.take()
		if ok {
			w.answer = answer
			return true
		}
		if complete || ctx.Err() != nil {
			return false
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
		}
	}
}

// result returns what is to be said of answers that have not come.
func (w *wait) result(ctx context.Context) error {
	w.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answered >= w.expected && w.silence == nil {
		return nil
	}
	var over error
	if ctx.Err() != nil {
		over = ended(ctx)
	}
	err := errors.Join(over, w.silence, w.reason)
	return &PartialError{Answered: w.answered, Expected: w.expected, Err: err}
}

// ended returns why a context has ended: the standard word for it and the cause.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ctx.Err()) {
		return cause
	}
	return errors.Join(ctx.Err(), cause)
}
