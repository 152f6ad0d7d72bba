package webtransport

import (
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	wt "github.com/quic-go/webtransport-go"
)

// lingerFor is how long, besides lingerTrips round trips, a peer has to read
// what was sent last. The end of a session takes away what has not been read,
// and an end of the stream alone is nothing to an official client.
const (
	lingerFor   = 250 * time.Millisecond
	lingerTrips = 4
)

// goodBye is the capsule that ends a session, with the code 0 and no text
// (draft-ietf-webtrans-http3, section 6: WT_CLOSE_SESSION).
var goodBye = []byte{0x68, 0x43, 4, 0, 0, 0, 0}

// A stream is a session with one stream as a net.Conn.
type stream struct {
	*wt.Stream
	session *wt.Session
	request *http3.Stream // the session's own, on which capsules go
	conn    *quic.Conn
	once    sync.Once
}

var _ net.Conn = (*stream)(nil)

func (s *stream) LocalAddr() net.Addr  { return s.session.LocalAddr() }
func (s *stream) RemoteAddr() net.Addr { return s.session.RemoteAddr() }

// CloseWrite ends the stream, gives the peer the time to read and ends the
// session.
func (s *stream) CloseWrite() error {
	if s.Stream.Close() == nil {
		s.linger()
	}
	return s.Close()
}

// Close ends the session. A browser would take the end that CloseWithError makes
// for a lost connection: it asks the peer to stop sending before it says why. So
// that comes when the peer has not answered the capsule.
func (s *stream) Close() error {
	s.once.Do(func() {
		_ = s.request.SetWriteDeadline(time.Now().Add(lingerFor))
		if _, err := s.request.Write(goodBye); err == nil && s.request.Close() == nil {
			s.linger()
		}
	})
	return s.session.CloseWithError(0, "")
}

// linger waits for the peer to end the session, for a moment.
func (s *stream) linger() {
	moment := time.NewTimer(lingerFor + lingerTrips*s.conn.ConnectionStats().SmoothedRTT)
	defer moment.Stop()
	select {
	case <-moment.C:
	case <-s.session.Context().Done():
	}
}
