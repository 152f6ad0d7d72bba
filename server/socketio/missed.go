package socketio

import (
	"context"
	"sync"
	"time"
)

// missed runs the hooks of OnMissed. It has a goroutine while there are any to run.
type missed struct {
	mu     sync.Mutex    // guards what follows
	again  bool          // there is news since the hooks have begun
	idle   chan struct{} // closed when the goroutine ends; nil while there is none
	closed bool
}

// tell runs the hooks of a namespace, once for all calls while they wait to begin.
func (m *missed) tell(ns *Namespace) {
	chain := ns.chain()
	if len(chain[0].missed)+len(chain[1].missed) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.again = true
	if m.idle == nil {
		m.idle = make(chan struct{})
		go m.run(ns)
	}
}

// missedPause is the least time between two runs of the hooks: each of many rooms may tell of a loss of its own.
const missedPause = 100 * time.Millisecond

func (m *missed) run(ns *Namespace) {
	for m.next() {
		for _, h := range ns.chain() {
			for _, hook := range h.missed {
				ns.server.guarded("OnMissed", func() { hook(ns.server.life) })
			}
		}
		select {
		case <-time.After(missedPause):
		case <-ns.server.life.Done():
		}
	}
}

// next reports whether there is news, and ends the goroutine if there is none.
func (m *missed) next() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.again && !m.closed {
		m.again = false
		return true
	}
	close(m.idle)
	m.idle = nil
	return false
}

// close takes no more news, and waits for the hook that runs.
func (m *missed) close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	idle := m.idle
	m.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}
