package engineio

import (
	"strings"
	"time"

	"parley/server/internal/transport"
	"parley/server/internal/transport/polling"
	"parley/server/wire/eio"
)

// Revision 3 of the protocol differs in the form of payloads and of binary
// messages, and in who pings:
// https://github.com/socketio/socket.io/blob/main/docs/engine.io-protocol/v3.md

var pongMessage = transport.Control(eio.Pong, "")

// answerLead is by how much the answer to a WebSocket's handshake precedes the first
// packet. Some clients of revision 3 look for packets only once they have seen
// the connection open, and lose one that comes together with the answer: Node's
// server sends the two apart.
const answerLead = 10 * time.Millisecond

func (s *Session) v3() bool { return s.handshake.Revision == 3 }

// allowance is the time that a client has for what is due of it: a pong, or in
// revision 3 its next ping.
func (s *Session) allowance() time.Duration {
	opts := &s.server.opts
	if s.v3() {
		return opts.PingInterval + opts.PingTimeout
	}
	return opts.PingTimeout
}

// startHeartbeat sets the first deadline; the caller has locked mu.
func (s *Session) startHeartbeat() {
	wait := s.server.opts.PingInterval
	if s.v3() {
		s.pinging = true
		wait = s.allowance()
	}
	s.beatAt(s.server.wheel.Now() + wait)
}

// controlV3 is control for revision 3.
func (s *Session) controlV3(p eio.Packet) {
	switch p.Type {
	case eio.Ping:
		s.mu.Lock()
		open := s.state == stateOpen
		if open {
			s.graced = false
			s.beatAt(s.server.wheel.Now() + s.allowance())
		}
		s.mu.Unlock()
		if open {
			_ = s.Send(pongMessage) // a session that is gone needs none
		}
	case eio.Pong:
		s.end(ReasonTransportError, errHeartbeat)
	case eio.Open, eio.Upgrade, eio.Noop, eio.Close, eio.Message:
		// As in revision 4.
	}
}

// revision returns that of the protocol which a request speaks: whatever is not
// 4 is 3, as in Node.
func (q *query) revision() uint8 {
	if q.version == "4" {
		return 4
	}
	return 3
}

// maxCallback is the number of digits in the number of a JSONP callback, which
// clients count from 0.
const maxCallback = 16

// format returns how a polling session's bodies are written.
func (q *query) format() *polling.Format {
	f := polling.Format{V3: q.revision() == 3, Base64: q.base64, JSONP: q.jsonp != nil}
	if !f.V3 && !f.JSONP {
		return nil
	}
	if f.JSONP {
		f.Callback = strings.Map(func(c rune) rune {
			if c < '0' || c > '9' {
				return -1
			}
			return c
		}, *q.jsonp)
		f.Callback = f.Callback[:min(len(f.Callback), maxCallback)]
	}
	return &f
}

// binaryForm returns how binary messages travel on the WebSocket of a request.
func (q *query) binaryForm() transport.BinaryForm {
	switch v3 := q.revision() == 3; {
	case v3 && q.base64:
		return transport.Base64V3
	case v3:
		return transport.PlainV3
	case q.base64:
		return transport.Base64
	}
	return transport.Plain
}
