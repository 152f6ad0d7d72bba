package zishang520

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/engine.io/v2/utils"

	"parley/server/engineio"
)

// A handshake pairs a request with the id of the session that it begins, of which the
// engine keeps no more than the header. It travels in the request's context.
type handshake struct {
	request *http.Request
	id      string
}

type handshakeKey struct{}

// idBytes is the size of a session id, as in package engineio.
const idBytes = 15

// generateID makes a session's id, and notes whose it is.
func (s *Server) generateID(r *http.Request) (string, error) {
	var id string
	if s.ids != nil {
		var err error
		if id, err = s.ids(r); err != nil {
			return "", err
		}
	} else {
		var b [idBytes]byte
		_, _ = rand.Read(b[:]) // never fails
		id = base64.RawURLEncoding.EncodeToString(b[:])
	}
	if h, ok := r.Context().Value(handshakeKey{}).(*handshake); ok {
		h.id = id
		s.handshakes.Store(id, h.request)
	}
	return id, nil
}

// requestOf returns the request that began a session, as socket.io/v2 wants it. It has
// been answered: nothing can be written, and its context has ended.
func (s *Server) requestOf(session *engineio.Session) *types.HttpContext {
	if r, ok := s.handshakes.LoadAndDelete(session.ID()); ok {
		return over(r.(*http.Request))
	}
	h := session.Handshake()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	u, err := url.ParseRequestURI(h.URL)
	if err != nil {
		u = new(url.URL)
	}
	r := &http.Request{
		Method: http.MethodGet, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h.Header(), Host: h.Header().Get("Host"), RemoteAddr: h.RemoteAddr, RequestURI: h.URL,
	}
	return over(r.WithContext(ctx))
}

// lasting returns a copy of a request with a memory of its own: some servers, such as the
// adaptor of fasthttp, put the next request where this one was.
func lasting(r *http.Request) *http.Request {
	c := r.WithContext(r.Context())
	c.Method, c.Host, c.RequestURI, c.RemoteAddr = strings.Clone(r.Method), strings.Clone(r.Host), strings.Clone(r.RequestURI), strings.Clone(r.RemoteAddr)
	u := *r.URL
	u.Scheme, u.Host, u.Path, u.RawPath, u.RawQuery = strings.Clone(u.Scheme), strings.Clone(u.Host), strings.Clone(u.Path), strings.Clone(u.RawPath), strings.Clone(u.RawQuery)
	c.URL = &u
	c.Header = make(http.Header, len(r.Header))
	for name, values := range r.Header {
		all := make([]string, len(values))
		for i, value := range values {
			all[i] = strings.Clone(value)
		}
		c.Header[strings.Clone(name)] = all
	}
	return c
}

// over returns a request that has its answer, without the goroutine that waits for one:
// with some servers a request's context does not end with the request. Sockets of several
// namespaces share it, so what it works out when first asked is worked out.
func over(r *http.Request) *types.HttpContext {
	ctx := types.NewHttpContext(answered{}, r)
	ctx.Flush()
	ctx.GetMethod()
	ctx.GetPathInfo()
	return ctx
}

// answered is the writer of a request that has its answer.
type answered struct{}

var errAnswered = errors.New("zishang520: the request has been answered")

func (answered) Header() http.Header       { return http.Header{} }
func (answered) Write([]byte) (int, error) { return 0, errAnswered }
func (answered) WriteHeader(int)           {}

// ServeHTTP serves a request of the protocol, on whatever path.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(s.Middlewares()) > 0 && !s.pass(w, r) {
		return
	}
	if begins(r) {
		h := &handshake{request: lasting(r)}
		r = r.WithContext(context.WithValue(r.Context(), handshakeKey{}, h))
		defer func() { s.handshakes.Delete(h.id) }()
	}
	s.engine.ServeHTTP(w, r)
}

// begins reports whether a request is to begin a session, as the engine sees it: of a name given more than once the last
// value counts, and an empty one is none.
func begins(r *http.Request) bool {
	ids := r.URL.Query()["sid"]
	return len(ids) == 0 || ids[len(ids)-1] == ""
}

// pass applies the middlewares. It reports false if the request has its answer.
func (s *Server) pass(w http.ResponseWriter, r *http.Request) bool {
	ctx := types.NewHttpContext(w, r)
	defer ctx.Flush()
	outcome := make(chan error, 1)
	s.ApplyMiddlewares(ctx, func(err error) {
		select {
		case outcome <- err:
		default: // next was called twice
		}
	})
	var err error
	select {
	case err = <-outcome:
	case <-ctx.Done():
		return false
	}
	for name, values := range ctx.ResponseHeaders.All() {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if err == nil {
		return true
	}
	s.Emit("connection_error", &types.ErrorMessage{
		CodeMessage: engine.BAD_REQUEST,
		Req:         ctx,
		Context:     map[string]any{"name": "MIDDLEWARE_FAILURE"},
	})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(`{"code":3,"message":"Bad request"}`))
	return false
}

// setHooks makes the engine's hooks the events of engine.io/v2.
func (s *Server) setHooks(o *engineio.Options) {
	s.ids, o.GenerateID = o.GenerateID, s.generateID
	refused, headers, packet := o.OnConnectionError, o.Headers, o.OnPacket
	o.OnConnectionError = func(e engineio.ConnectionError) {
		if refused != nil {
			refused(e)
		}
		s.refused(e)
	}
	o.Headers = func(h http.Header, r *http.Request, initial bool) {
		if headers != nil {
			headers(h, r, initial)
		}
		s.headers(h, r, initial)
	}
	o.OnPacket = func(p engineio.PacketInfo) {
		if packet != nil {
			packet(p)
		}
		if p.Incoming && (p.Type == "ping" || p.Type == "pong") {
			s.heartbeat(p)
		}
	}
}

func (s *Server) refused(e engineio.ConnectionError) {
	if s.ListenerCount("connection_error") == 0 {
		return
	}
	about := make(map[string]any, len(e.Context))
	for key, value := range e.Context {
		about[key] = value
	}
	message := e.Message
	if e.Code == engine.FORBIDDEN.Code {
		message = engine.FORBIDDEN.Message // what AllowRequest says of it is in the context
	}
	s.Emit("connection_error", &types.ErrorMessage{
		CodeMessage: &types.CodeMessage{Code: e.Code, Message: message},
		Req:         over(e.Request),
		Context:     about,
	})
}

func (s *Server) headers(h http.Header, r *http.Request, initial bool) {
	if s.ListenerCount("headers") == 0 && (!initial || s.ListenerCount("initial_headers") == 0) {
		return
	}
	ctx := over(r)
	bag := utils.NewParameterBag(nil)
	bag.With(h)
	if initial {
		s.Emit("initial_headers", bag, ctx)
	}
	s.Emit("headers", bag, ctx)
	for name, values := range bag.All() {
		h[http.CanonicalHeaderKey(name)] = values
	}
}
