package redis

import (
	"context"
	"time"

	"parley/namespaces/identity"
)

// A client that is away may come back to another node, of which this one does not hear. So
// what this node knows of it ends when the time to come back is over.

// awayEvery is how often clients are looked for that are away.
const awayEvery = 10 * time.Second

func (s *documentStore) watchAway() {
	tick := time.NewTicker(awayEvery)
	defer tick.Stop()
	away := make(map[awayTab]time.Time)
	for {
		select {
		case now := <-tick.C:
			away = s.sweepAway(s.db.life, now, away)
		case <-s.db.life.Done():
			return
		}
	}
}

type awayTab struct{ document, socket string }

// sweepAway forgets who has been away for too long, and returns since when the others have
// been.
func (s *documentStore) sweepAway(ctx context.Context, now time.Time, before map[awayTab]time.Time) map[awayTab]time.Time {
	away := make(map[awayTab]time.Time)
	for _, tab := range s.awayNow() {
		since, known := before[tab]
		switch {
		case !known:
			away[tab] = now
		case now.Sub(since) < s.opts.Recovery+time.Minute:
			away[tab] = since
		default:
			// In Redis only if it has not come back to another node.
			_ = s.Leave(ctx, tab.document, tab.socket, func(left []identity.User) { s.watch.Changed(tab.document, left) })
		}
	}
	return away
}

// awayNow returns those who have a document open through this node and are not connected.
func (s *documentStore) awayNow() (list []awayTab) {
	s.tabs.mu.Lock()
	defer s.tabs.mu.Unlock()
	for document, spot := range s.tabs.all {
		for socket := range spot.sockets {
			if !s.watch.Connected(socket) {
				list = append(list, awayTab{document, socket})
			}
		}
	}
	return list
}
