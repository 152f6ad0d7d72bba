package forward

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// An answer may take as long as a poll, and how long that is only the session's server knows. A server that stands still
// takes requests all the same: its system does. So while requests wait for a server it is asked now and then whether it is
// there; if it does not answer that, they are answered here.

// probes is how often in a PeerTimeout a server is asked for which requests wait.
const probes = 5

// A watch knows the requests that wait for one server.
type watch struct {
	mu      sync.Mutex // guards what follows
	waiting map[*context.CancelCauseFunc]struct{}
	running bool // a goroutine asks the server
	frozen  bool // it has not answered, and has not been seen since
}

var errFrozen = errors.New("forward: the server stands still: no answer within PeerTimeout")

// await has a request cancelled if its server stands still, until stop is called.
func (n *Node) await(p *peer, cancel context.CancelCauseFunc) (stop func()) {
	w := &p.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = make(map[*context.CancelCauseFunc]struct{})
	}
	w.waiting[&cancel] = struct{}{}
	if !w.running {
		w.running = n.spawn(func() { n.watch(p) })
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waiting, &cancel)
	}
}

// spawn runs f on a goroutine that Close waits for. It reports false after that.
func (n *Node) spawn(f func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life.Err() == nil {
		n.watching.Go(f)
	}
	return n.life.Err() == nil
}

// watch asks a server whether it is there for as long as requests wait for it or it is not. It waits before it asks:
// most answers come at once.
func (n *Node) watch(p *peer) {
	tick := time.NewTicker(n.opts.PeerTimeout / probes)
	defer tick.Stop()
	for n.life.Err() == nil {
		select {
		case <-tick.C:
		case <-n.life.Done():
			return
		}
		if p.watch.idle(n.directory.knows(p)) {
			return
		}
		err := n.probe(p)
		if n.life.Err() == nil && p.watch.note(err != nil) {
			n.opts.Logger.Warn("forward: a server stands still; its clients connect anew", "server", p.text, "error", err)
		}
	}
}

// idle reports whether there is nothing to watch any more, and that the watch ends then.
func (w *watch) idle(known bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 && (!w.frozen || !known) {
		w.running = false
	}
	return !w.running
}

// note takes in whether a server stands still, and ends the waiting for it if so. It reports whether that is new.
func (w *watch) note(frozen bool) (news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	news = frozen && !w.frozen
	w.frozen = frozen
	if frozen {
		for cancel := range w.waiting {
			(*cancel)(errFrozen)
		}
	}
	return news
}

func (w *watch) stands() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frozen
}

// probe asks a server whether it is there. Whatever it answers, it is.
func (n *Node) probe(p *peer) error {
	ctx, cancel := context.WithTimeout(n.life, n.opts.PeerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodOptions, p.url.String()+"/", nil)
	if err != nil {
		return err
	}
	ask := passport{to: p.tag}
	r.Header.Set(passportHeader, ask.sign(n.directory.proof(), r.Method, r.URL.RequestURI()))
	res, err := n.transport.RoundTrip(r)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
