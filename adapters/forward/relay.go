package forward

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// pieces are what bodies are copied by. A client must take each within WriteTimeout.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

const pieceSize = 16 << 10

// relay passes a request and its answer on. It reports false if there is none for a client that waits for it.
func (n *Node) relay(w http.ResponseWriter, r *http.Request, out *http.Request, p *peer) bool {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(n.life, func() { cancel(nil) })()
	defer n.await(p, cancel)()
	body := n.newUpload(w, r)
	if r.ContentLength != 0 {
		out.Body, out.ContentLength = body, r.ContentLength
	}
	res, err := n.transport.RoundTrip(out.WithContext(ctx))
	body.finish(w) // also if the server has answered before: net/http writes no answer while a body is being read
	if err != nil {
		return n.unanswered(r, p, err)
	}
	defer res.Body.Close()
	if res.Header.Get(refusedHeader) != "" {
		return n.unanswered(r, p, errRefused)
	}
	n.answer(w, res)
	return true
}

var errRefused = errors.New("forward: it takes no requests from here: it is another server, or has another secret")

// unanswered notes that a server has not answered, and reports whether the client has gone before. Only where there was
// no connection is it the server's fault for sure, and the next requests do not try it.
func (n *Node) unanswered(r *http.Request, p *peer, err error) (gone bool) {
	if r.Context().Err() != nil {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		p.failed()
	}
	n.opts.Logger.Debug("forward: no answer", "server", p.text, "error", err)
	return false
}

// answer gives the client another server's answer.
func (n *Node) answer(w http.ResponseWriter, res *http.Response) {
	control := http.NewResponseController(w)
	head := w.Header()
	for name, values := range withoutHops(res.Header) {
		head[name] = values
	}
	if n.draining.Load() {
		head.Set("Connection", "close")
	}
	_ = control.SetWriteDeadline(time.Now().Add(n.opts.WriteTimeout))
	w.WriteHeader(res.StatusCode)
	buf := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(buf)
	for {
		size, err := res.Body.Read(buf[:])
		if size > 0 {
			_ = control.SetWriteDeadline(time.Now().Add(n.opts.WriteTimeout))
			if _, err := w.Write(buf[:size]); err != nil {
				return // the client is gone, and with the body's end so is the request to the server
			}
			if res.ContentLength < 0 {
				_ = control.Flush()
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(http.ErrAbortHandler) // the client must not take half an answer for the whole
		}
	}
	_ = control.Flush()
	_ = control.SetWriteDeadline(time.Time{})
}

// An upload is the body of a client's request on its way to another server. The goroutine that reads it may outlive the
// request, of which it must not touch anything then.
type upload struct {
	control *http.ResponseController
	ended   atomic.Bool // all of it has been read

	mu   sync.Mutex // guards what follows
	body io.ReadCloser
	over bool // the request is
}

// newUpload gives the client ReadTimeout to send the body, if there is one.
func (n *Node) newUpload(w http.ResponseWriter, r *http.Request) *upload {
	u := &upload{control: http.NewResponseController(w), body: r.Body}
	if r.ContentLength == 0 {
		u.ended.Store(true)
	} else {
		_ = u.control.SetReadDeadline(time.Now().Add(n.opts.ReadTimeout))
	}
	return u
}

func (u *upload) Read(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return 0, http.ErrBodyReadAfterClose
	}
	size, err := u.body.Read(b)
	if err == io.EOF && !u.ended.Swap(true) {
		_ = u.control.SetReadDeadline(time.Time{}) // the answer may take longer
	}
	return size, err
}

// Close implements io.Closer: net/http closes a request's body when it has no use for it.
func (u *upload) Close() error { return nil }

// finish ends the reading. What the client has not sent until now is not waited for, and its connection ends with the
// answer: a deadline that has passed is told to all later requests on it.
func (u *upload) finish(w http.ResponseWriter) {
	if !u.ended.Load() {
		w.Header().Set("Connection", "close")
		_ = u.control.SetReadDeadline(time.Unix(1, 0))
	}
	u.mu.Lock()
	u.over = true
	u.mu.Unlock()
}
