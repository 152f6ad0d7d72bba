package engineio

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// accepting makes a world whose accept function runs f before it returns.
func (n network) accepting(t *testing.T, opts Options, f func(*Session)) *world {
	t.Helper()
	w := n.world(t, opts)
	w.hear = func(s *Session) func(Turn, []byte, bool) {
		f(s)
		return func(Turn, []byte, bool) {}
	}
	return w
}

func TestOpenPacketComesBeforeWhatAcceptSends(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		const messages = 50
		w := n.accepting(t, Options{}, func(s *Session) {
			for i := range messages {
				if err := s.Send(text(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
				time.Sleep(20 * time.Microsecond) // so that some leave before accept returns
			}
		})
		s := w.socket() // expects the open packet
		for i := range messages {
			if got := s.read(); got != fmt.Sprint("4", i) {
				t.Fatalf("message %d is %q", i, got)
			}
		}
		a := w.request("GET", "EIO=4&transport=polling", "")
		if list := packets(t, a.body); len(list) != messages+1 || !strings.HasPrefix(list[0], "0{") {
			t.Errorf("%d packets, the first of them %q", len(list), list[0])
		}
	})
}

func TestSessionMayBeClosedInAccept(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.accepting(t, Options{}, func(s *Session) {
			_ = s.Send(text("no"))
			s.Close(ReasonForcedClose)
			time.Sleep(time.Millisecond)
		})
		for range 20 {
			s := w.socket()
			if got := strings.Join(s.rest(), " "); got != "4no" {
				t.Errorf("got %q", got)
			}
			_ = s.Conn.Close()
			s.ended(ReasonForcedClose)
			p := w.poll()
			w.expect("GET", p.get(), 200, "6\x1e1")
			p.ended(ReasonForcedClose)
		}
		eventually(t, "the sessions are forgotten", func() bool {
			return w.known() == 0 && w.Stats().CurrentConnections == 0
		})
	})
}
