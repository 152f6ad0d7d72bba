package webtransport

import (
	"net"
	"time"

	"github.com/quic-go/quic-go"
	wt "github.com/quic-go/webtransport-go"
)

// lingerFor is how long a session stays after the end of its stream, besides
// lingerTrips round trips. The end of a session takes away what the peer has not
// read yet, and an end of the stream alone is nothing to an official client.
const (
	lingerFor   = 250 * time.Millisecond
	lingerTrips = 4
)

// A stream is a session with one stream as a net.Conn.
type stream struct {
	*wt.Stream
	session *wt.Session
	conn    *quic.Conn
}

var _ net.Conn = (*stream)(nil)

func (s *stream) LocalAddr() net.Addr  { return s.session.LocalAddr() }
func (s *stream) RemoteAddr() net.Addr { return s.session.RemoteAddr() }

// Close ends the session. It blocks for a moment at most.
func (s *stream) Close() error { return s.session.CloseWithError(0, "") }

// CloseWrite ends the stream, gives the peer the time to read and ends the
// session.
func (s *stream) CloseWrite() error {
	if err := s.Stream.Close(); err != nil {
		return s.Close()
	}
	linger := time.NewTimer(lingerFor + lingerTrips*s.conn.ConnectionStats().SmoothedRTT)
	defer linger.Stop()
	select {
	case <-linger.C:
	case <-s.session.Context().Done():
	}
	return s.Close()
}
