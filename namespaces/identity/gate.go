package identity

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"parley/server/socketio"
)

// A Person is who is behind a socket or a request.
type Person struct {
	Claims
	// Verified: a token says so. Otherwise, in open mode, the client does.
	Verified bool
}

// errAuthentication is what clients read of a refusal, besides its code.
const errAuthentication = "Authentication failed"

// A Gate lets people into namespaces. It may be used by any number of goroutines.
type Gate struct {
	verifier *Verifier

	mu      sync.Mutex // guards what follows
	guarded []*socketio.Namespace
	sweeps  []func(revoked func(Claims) bool)
	renewed []func(s *socketio.Socket)
}

// NewGate returns a gate that asks for tokens. A nil verifier is open mode.
func NewGate(v *Verifier) *Gate { return &Gate{verifier: v} }

// Open reports whether the gate is in open mode.
func (g *Gate) Open() bool { return g.verifier == nil }

// A pass is the person behind one socket, and the end of their token.
type pass struct {
	mu     sync.Mutex // guards what follows
	person Person
	known  bool
	expiry *time.Timer
	gone   bool
}

var passes = socketio.NewKey[*pass]("identity")

// Of returns who is behind a socket of a guarded namespace. In open mode it is
// false for a client that has not said who it is.
func Of(s *socketio.Socket) (Person, bool) {
	p, ok := passes.Get(s)
	if !ok {
		return Person{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.person, p.known
}

// Guard makes a namespace ask for a token, watch for its end and take a new one
// by the event "refresh-token". To be called before the namespace's own
// middlewares are added.
func (g *Gate) Guard(ns *socketio.Namespace) {
	g.mu.Lock()
	g.guarded = append(g.guarded, ns)
	g.mu.Unlock()
	ns.Use(g.enter)
	if g.Open() {
		return
	}
	ns.OnConnect(func(_ context.Context, s *socketio.Socket) {
		if p, ok := passes.Get(s); ok {
			p.watch(s)
		}
	})
	ns.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Reason) {
		if p, ok := passes.Get(s); ok {
			p.stop()
		}
	})
	socketio.OnAck(ns, "refresh-token", g.refresh)
}

// enter is the middleware.
func (g *Gate) enter(_ context.Context, s *socketio.Socket) error {
	h := s.Handshake()
	var said struct {
		User
		Token string `json:"token"`
	}
	malformed := len(h.Auth) > 0 && json.Unmarshal(h.Auth, &said) != nil
	if g.Open() {
		p := &pass{}
		if !malformed && goodName(said.UserID) && goodName(said.Username) {
			p.person, p.known = Person{Claims: Claims{User: said.User}}, true
		}
		passes.Set(s, p)
		return nil
	}
	token := said.Token
	if token == "" {
		token = bearer(h.Header())
	}
	if token == "" && h.Revision == 3 { // these clients have nothing but the query, and join "/" without one of its own
		token = h.Query().Get("token")
	}
	claims, err := g.verifier.Verify(token)
	if err != nil {
		return refused(err)
	}
	passes.Set(s, &pass{person: Person{claims, true}, known: true})
	return nil
}

// refused is the error that a client gets: its code says why, its message does not.
func refused(err error) error { return &socketio.Error{Code: CodeOf(err), Message: errAuthentication} }

type refreshRequest struct {
	Token string `json:"token"`
}

type refreshReply struct {
	OK        bool   `json:"ok"`
	ExpiresAt string `json:"expiresAt"`
}

// refresh replaces a socket's token by a newer one of the same user.
func (g *Gate) refresh(_ context.Context, s *socketio.Socket, in refreshRequest) (refreshReply, error) {
	claims, err := g.verifier.Verify(in.Token)
	if err != nil {
		return refreshReply{}, refused(err)
	}
	p, ok := passes.Get(s)
	if !ok || !p.replace(s, claims) {
		return refreshReply{}, &socketio.Error{Code: "forbidden", Message: "The token is another user's."}
	}
	g.mu.Lock()
	renewed := g.renewed
	g.mu.Unlock()
	for _, f := range renewed {
		f(s)
	}
	return refreshReply{true, claims.Expires.UTC().Format("2006-01-02T15:04:05.000Z")}, nil
}

// OnRefresh has f called when a socket of any guarded namespace has a new token, which
// may allow less than the old one.
func (g *Gate) OnRefresh(f func(s *socketio.Socket)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.renewed = append(g.renewed, f)
}

func (p *pass) replace(s *socketio.Socket, c Claims) bool {
	p.mu.Lock()
	if p.person.UserID != c.UserID {
		p.mu.Unlock()
		return false
	}
	p.person.Claims = c
	p.mu.Unlock()
	p.watch(s)
	return true
}

// watch ends the socket when its token does.
func (p *pass) watch(s *socketio.Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return
	}
	if p.expiry != nil {
		p.expiry.Stop()
	}
	p.expiry = time.AfterFunc(time.Until(p.person.Expires), func() {
		p.mu.Lock()
		over := !p.gone && !time.Now().Before(p.person.Expires)
		p.mu.Unlock()
		if over {
			end(s, CodeExpired, "The token has expired.")
		}
	})
}

func (p *pass) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	if p.expiry != nil {
		p.expiry.Stop()
	}
}

// end tells a socket why it has to go.
func end(s *socketio.Socket, code, message string) {
	_ = s.Emit("error", socketioError{code, message}) // a client that is gone need not know
	s.Disconnect(false)
}

type socketioError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// OnSweep has f called by each Sweep, for connections that are no sockets of a guarded
// namespace. It must end those whose claims are revoked, and not block.
func (g *Gate) OnSweep(f func(revoked func(Claims) bool)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweeps = append(g.sweeps, f)
}

// Sweep ends the sockets whose tokens have been revoked since they came.
func (g *Gate) Sweep() {
	if g.Open() {
		return
	}
	g.mu.Lock()
	guarded, sweeps := g.guarded, g.sweeps
	g.mu.Unlock()
	for _, sweep := range sweeps {
		sweep(g.verifier.revoked.Has)
	}
	for _, ns := range guarded {
		for _, s := range ns.Sockets() {
			if p, ok := Of(s); ok && g.verifier.revoked.Has(p.Claims) {
				end(s, CodeRevoked, "The token has been revoked.")
			}
		}
	}
}

// Request returns who sends an HTTP request: by its bearer token, or with
// inQuery, which WebSocket clients need, by the parameter "token". In open mode
// it is the header "user-id" or the parameter "userId", which may be missing.
// Every error is an *Error.
func (g *Gate) Request(r *http.Request, inQuery bool) (Person, error) {
	if g.Open() {
		id := first(r.Header.Get("User-Id"), r.URL.Query().Get("userId"))
		if !goodName(id) {
			id = ""
		}
		return Person{Claims: Claims{User: User{UserID: id, Username: id}}}, nil
	}
	token := bearer(r.Header)
	if token == "" && inQuery {
		token = r.URL.Query().Get("token")
	}
	claims, err := g.verifier.Verify(token)
	return Person{claims, true}, err
}

// bearer returns the token of an Authorization header (RFC 6750, section 2.1).
func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
