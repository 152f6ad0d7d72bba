package socketiotest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"parley/server/wire/eio"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// A carrier is a client's transport.
type carrier interface {
	send(packets ...eio.Packet) error
	receive() ([]eio.Packet, error)
	close()
	abort()
}

// A session is a connection and the clients, one for each namespace, that share it.
type session struct {
	opts    Options
	network *listener
	server  *http.Server
	query   url.Values
	sid     string

	sending baton // makes packets go out one by one, on the carrier of that moment

	mu      sync.Mutex // guards what follows; may be taken within sending
	carrier carrier
	next    carrier // takes over when the poll under way has ended
	clients map[string]*Client
	ended   bool
	paused  chan struct{} // nil while reading; closed to go on

	// Of the reading goroutine alone.
	partial     sio.Packet
	attachments [][]byte
}

// openSession serves h on a network of its own and shakes hands with it.
func openSession(h http.Handler, opts *Options) (*session, error) {
	s := &session{
		opts:    opts.withDefaults(),
		network: newListener(),
		sending: newBaton(),
		server:  &http.Server{Handler: h},
		clients: make(map[string]*Client),
		query:   make(url.Values),
	}
	for k, v := range s.opts.Query {
		s.query[k] = v
	}
	s.query.Set("EIO", "4")
	s.query.Set("transport", s.opts.Transport)
	go func() { _ = s.server.Serve(s.network) }()
	packets, err := s.open()
	if err != nil {
		s.finish()
		return nil, err
	}
	go s.read(packets)
	return s, nil
}

// open makes the first carrier and returns what came with the handshake.
func (s *session) open() ([]eio.Packet, error) {
	switch s.opts.Transport {
	case Polling:
		s.carrier = newPoller(s.network, s.request)
	case WebSocket:
		ws, err := s.dialWebSocket()
		if err != nil {
			return nil, err
		}
		s.carrier = ws
	default:
		return nil, fmt.Errorf("socketiotest: unknown transport %q", s.opts.Transport)
	}
	packets, err := s.carrier.receive()
	if err != nil {
		return nil, err
	}
	if len(packets) == 0 || packets[0].Type != eio.Open {
		return nil, errors.New("socketiotest: the server does not begin with a handshake")
	}
	handshake, err := eio.ParseHandshake(packets[0].Data)
	if err != nil {
		return nil, err
	}
	s.sid = handshake.SID
	s.query.Set("sid", s.sid)
	return packets[1:], nil
}

func (s *session) request(method string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequest(method, "http://memory"+s.opts.Path+"?"+s.query.Encode(), body)
	if err != nil {
		return nil, err
	}
	for k, v := range s.opts.Header {
		r.Header[k] = v
	}
	if body != nil {
		r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	return r, nil
}

func (s *session) dialWebSocket() (*webSocket, error) {
	r, err := s.request(http.MethodGet, nil)
	if err != nil {
		return nil, err
	}
	return openWebSocket(s.network, r)
}

// upgrade moves from polling to WebSocket, as browsers do after the handshake.
func (s *session) upgrade() error {
	query := make(url.Values)
	for k, v := range s.query {
		query[k] = v
	}
	query.Set("transport", WebSocket)
	r, err := http.NewRequest(http.MethodGet, "http://memory"+s.opts.Path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	ws, err := openWebSocket(s.network, r)
	if err != nil {
		return err
	}
	if err := ws.send(eio.Packet{Type: eio.Ping, Data: []byte("probe")}); err != nil {
		return err
	}
	packets, err := ws.receive()
	if err != nil {
		return err
	}
	if packets[0].Type != eio.Pong || string(packets[0].Data) != "probe" {
		return errors.New("socketiotest: the probe was not answered")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = ws
	return nil
}

// advance puts the upgraded carrier in place once no request is under way, and
// returns the one to read from.
func (s *session) advance() carrier {
	s.mu.Lock()
	now, next := s.carrier, s.next
	s.mu.Unlock()
	if next == nil {
		return now
	}
	s.sending.take()
	defer s.sending.give()
	_ = next.send(eio.Packet{Type: eio.Upgrade})
	now.abort()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.carrier, s.next = next, nil
	return next
}

// send sends packets, one behind the other.
func (s *session) send(packets ...eio.Packet) error {
	s.sending.take()
	defer s.sending.give()
	s.mu.Lock()
	c, ended := s.carrier, s.ended
	s.mu.Unlock()
	if ended {
		return ErrClosed
	}
	return c.send(packets...)
}

// sendPacket sends a packet and its attachments.
func (s *session) sendPacket(p sio.Packet, attachments [][]byte) error {
	if s.opts.MessagePack {
		data, err := msgpack.AppendPacket(nil, p, attachments)
		if err != nil {
			return err
		}
		return s.send(attachment(data))
	}
	packets := []eio.Packet{message(p.Append(nil))}
	for _, data := range attachments {
		packets = append(packets, attachment(data))
	}
	return s.send(packets...)
}

// read takes in what the server sends until the end.
func (s *session) read(packets []eio.Packet) {
	var err error
	for err == nil {
		for _, p := range packets {
			switch {
			case p.Type == eio.Ping && !s.opts.Mute:
				_ = s.send(eio.Packet{Type: eio.Pong})
			case p.Type == eio.Message && err == nil:
				err = s.message(p)
			}
		}
		if err == nil {
			s.waitPaused()
			packets, err = s.advance().receive()
		}
	}
	s.end()
}

// waitPaused returns when the client wants to read.
func (s *session) waitPaused() {
	s.mu.Lock()
	paused := s.paused
	s.mu.Unlock()
	if paused != nil {
		<-paused
	}
}

func (s *session) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused != nil {
		close(s.paused)
		s.paused = nil
	}
}

// message sorts a Socket.IO packet, when it is complete, to its client.
func (s *session) message(p eio.Packet) (err error) {
	if s.opts.MessagePack {
		return s.messagePack(p)
	}
	if p.Binary {
		s.attachments = append(s.attachments, p.Data)
	} else if s.partial, err = sio.Parse(p.Data, sio.Limits{}); err != nil {
		return fmt.Errorf("socketiotest: the server sent %q: %w", p.Data, err)
	}
	if len(s.attachments) < s.partial.Attachments {
		return nil
	}
	packet, attachments := s.partial, s.attachments
	s.partial, s.attachments = sio.Packet{}, nil
	s.hand(packet, attachments)
	return nil
}

func (s *session) messagePack(p eio.Packet) error {
	packet, attachments, err := msgpack.Parse(p.Data, nil, sio.Limits{})
	if err != nil || !p.Binary {
		return fmt.Errorf("socketiotest: the server sent %q, which is no MessagePack: %w", p.Data, err)
	}
	s.hand(packet, attachments)
	return nil
}

// hand gives a packet to the client of its namespace.
func (s *session) hand(p sio.Packet, attachments [][]byte) {
	s.mu.Lock()
	c := s.clients[p.Namespace]
	s.mu.Unlock()
	if c != nil {
		c.packet(p, attachments)
	}
}

// end tells all clients that the connection is gone.
func (s *session) end() {
	s.mu.Lock()
	clients := s.clients
	s.clients = nil
	s.mu.Unlock()
	for _, c := range clients {
		c.end(ReasonTransportClose)
	}
	s.finish()
}

// finish ends everything that runs for the session.
func (s *session) finish() {
	s.resume()
	s.mu.Lock()
	s.ended = true
	c := s.carrier
	s.mu.Unlock()
	if c != nil {
		c.abort()
	}
	_ = s.server.Close()
	_ = s.network.Close()
}
