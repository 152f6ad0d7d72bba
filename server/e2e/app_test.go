package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"

	"parley/server/socketio"
)

// pageFiles are what a browser needs to run the scenarios, by path, besides the
// client, which the server has.
var pageFiles = map[string]string{
	"/{$}":             "page.html",
	"/scenarios.mjs":   "scenarios.mjs",
	"/clients.mjs":     "clients.mjs",
	"/delivery.mjs":    "delivery.mjs",
	"/endings.mjs":     "endings.mjs",
	"/namespaces.mjs":  "namespaces.mjs",
	"/deflate.mjs":     "deflate.mjs",
	"/old":             "old.html",
	"/old.mjs":         "old.mjs",
	"/socket.io.v2.js": "node_modules/socket.io-client-v2/dist/socket.io.js",
}

var (
	errTeapot  = &socketio.Error{Code: "teapot", Message: "short and stout"}
	errPrivate = errors.New("private words")
)

const oddName = "odd \"näme\"\u2028"

// mount puts the application on the server; js/reference.mjs is its twin.
func mount(io *socketio.Server) { mountIn(io, newEndings()) }

// mountIn is mount for servers that know of each other's endings.
func mountIn(io *socketio.Server, ended *endings) {
	main := io.Of("/")
	main.OnConnect(func(_ context.Context, s *socketio.Socket) {
		_ = s.Emit("welcome", welcome{s.ID(), auth(s)})
	})
	main.OnDisconnect(ended.note)
	mountEvents(main)
	mountBroadcasts(main)
	mountOptions(main)
	socketio.On(main, "kick", kick)
	socketio.OnAck(main, "reason-of", ended.of)
	socketio.On(main, "shutdown", func(context.Context, *socketio.Socket, socketio.None) error {
		go func() { _ = io.Shutdown(context.Background()) }()
		return nil
	})

	custom := io.Of("/custom")
	custom.OnConnect(func(_ context.Context, s *socketio.Socket) { _ = s.Emit("auth", auth(s)) })
	custom.OnDisconnect(ended.note)
	socketio.On(custom, "echo", echo)
	socketio.On(custom, "kick", kick)

	mountDynamic(io)
	mountWatched(io.Of("/watched"))

	guarded := io.Of("/guarded")
	guarded.Use(guard)
	socketio.On(guarded, "echo", echo)
}

// mountDynamic puts up namespaces whose names are not known before clients come.
func mountDynamic(io *socketio.Server) {
	numbered := io.OfRegexp(regexp.MustCompile(`^/numbered-[0-9]+$`))
	numbered.OnConnect(func(_ context.Context, s *socketio.Socket) { _ = s.Emit("you", s.Namespace().Name()) })
	socketio.On(numbered, "echo", echo)
	socketio.On(numbered, "all", func(_ context.Context, _ *socketio.Socket, x socketio.Value) error {
		return numbered.Emit("all", x)
	})
	socketio.On(numbered, "here", func(_ context.Context, s *socketio.Socket, x socketio.Value) error {
		return s.Namespace().Emit("here", x)
	})
	secret := io.OfFunc(func(_ context.Context, name string, h socketio.Handshake) bool {
		var given struct{ Token string }
		_ = json.Unmarshal(h.Auth, &given)
		return strings.HasPrefix(name, "/secret-") && given.Token == "letmein"
	})
	socketio.On(secret, "echo", echo)
}

// mountWatched puts listeners and middlewares before the events.
func mountWatched(ns *socketio.Namespace) {
	type sights struct {
		Incoming []string `json:"incoming"`
		Outgoing []string `json:"outgoing"`
	}
	seen := socketio.NewKey[sights]("seen")
	ns.OnConnect(func(_ context.Context, s *socketio.Socket) {
		socketio.Once(s, "once", func(_ context.Context, s *socketio.Socket, x socketio.Value) error {
			return s.Emit("once", x)
		})
	})
	ns.OnAny(func(_ context.Context, s *socketio.Socket, e socketio.Event) {
		sum, _ := seen.Get(s)
		sum.Incoming = append(sum.Incoming, e.Name)
		seen.Set(s, sum)
	})
	ns.OnAnyOutgoing(func(s *socketio.Socket, e socketio.Event) {
		sum, _ := seen.Get(s)
		sum.Outgoing = append(sum.Outgoing, e.Name)
		seen.Set(s, sum)
	})
	ns.UseEvent(func(_ context.Context, _ *socketio.Socket, e socketio.Event) error {
		if e.Name == "forbidden" {
			return errTeapot
		}
		return nil
	})
	socketio.OnUnhandled(ns, func(_ context.Context, _ *socketio.Socket, e socketio.Event) (socketio.Args, error) {
		return e.Args, nil
	})
	socketio.OnAck(ns, "seen", func(_ context.Context, s *socketio.Socket, _ socketio.None) (sights, error) {
		sum, _ := seen.Get(s)
		return sum, nil
	})
	socketio.OnAck(ns, "transport", func(_ context.Context, s *socketio.Socket, _ socketio.None) (string, error) {
		return s.Transport(), nil
	})
	socketio.On(ns, "all", func(_ context.Context, _ *socketio.Socket, x socketio.Value) error {
		return ns.Emit("all", x)
	})
}

type welcome struct {
	ID   string          `json:"id"`
	Auth json.RawMessage `json:"auth"`
}

func auth(s *socketio.Socket) json.RawMessage {
	if given := s.Handshake().Auth; given != nil {
		return given
	}
	return json.RawMessage("{}")
}

func echo(_ context.Context, s *socketio.Socket, x socketio.Value) error { return s.Emit("echo", x) }

func kick(_ context.Context, s *socketio.Socket, closeTransport bool) error {
	s.Disconnect(closeTransport)
	return nil
}

type hint struct {
	Code int    `json:"code"`
	Hint string `json:"hint"`
}

func guard(ctx context.Context, s *socketio.Socket) error {
	var given struct{ Token string }
	_ = json.Unmarshal(auth(s), &given)
	switch given.Token {
	case "slow":
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
		return nil
	case "letmein":
		return nil
	case "private":
		return errPrivate
	case "plain":
		return &socketio.Error{Message: "go away"}
	}
	return &socketio.Error{Message: "not allowed", Data: hint{401, "a <token> & more"}}
}

func mountEvents(ns *socketio.Namespace) {
	type (
		value = socketio.Value
		two   = socketio.Args2[value, value]
	)
	socketio.On(ns, "echo", echo)
	socketio.On(ns, "echo2", func(_ context.Context, s *socketio.Socket, in two) error {
		return s.Emit("echo2", in.A, in.B)
	})
	socketio.On(ns, oddName, func(_ context.Context, s *socketio.Socket, x value) error { return s.Emit(oddName, x) })
	socketio.On(ns, "7", func(_ context.Context, s *socketio.Socket, x value) error { return s.Emit("seven", x) })
	socketio.OnAck(ns, "ack", func(_ context.Context, _ *socketio.Socket, x value) (value, error) { return x, nil })
	socketio.OnAck(ns, "ack2", func(_ context.Context, _ *socketio.Socket, in two) (two, error) { return in, nil })
	socketio.On(ns, "nothing", func(context.Context, *socketio.Socket, socketio.None) error { return nil })
	socketio.OnAck(ns, "query", func(_ context.Context, s *socketio.Socket, _ socketio.None) (string, error) {
		return s.Handshake().Query().Get("color"), nil
	})

	socketio.OnAck(ns, "ask", func(ctx context.Context, s *socketio.Socket, x value) (value, error) {
		return socketio.Call[value](ctx, s, "question", x)
	})
	socketio.OnAck(ns, "ask-all", askAll)
	socketio.OnAck(ns, "ask-in-vain", func(ctx context.Context, s *socketio.Socket, _ socketio.None) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err := socketio.Call[value](ctx, s, "silence")
		if errors.Is(err, context.DeadlineExceeded) {
			return "timeout", nil
		}
		return "answered", err
	})

	socketio.OnAck(ns, "typed", func(_ context.Context, _ *socketio.Socket, in number) (int, error) {
		return in.N + 1, nil
	})
	socketio.On(ns, "fail", func(_ context.Context, _ *socketio.Socket, kind string) error {
		if kind == "public" {
			return errTeapot
		}
		return errPrivate
	})
}

// survey is the argument of the event ask-all: the room whose members are asked.
type survey struct {
	Room     string         `json:"room"`
	Question socketio.Value `json:"question"`
	Within   int            `json:"within"` // ms
}

// tallied is its answer.
type tallied struct {
	Answers  []socketio.Value `json:"answers"`
	Complete bool             `json:"complete"`
}

func askAll(ctx context.Context, s *socketio.Socket, in survey) (tallied, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(in.Within)*time.Millisecond)
	defer cancel()
	all, err := socketio.CallAll[socketio.Value](ctx, s.Namespace().To(in.Room), "question", in.Question)
	var partial *socketio.PartialError
	if err != nil && !errors.As(err, &partial) {
		return tallied{}, err
	}
	return tallied{all, err == nil}, nil
}

type number struct {
	N int `json:"n"`
}

func mountBroadcasts(ns *socketio.Namespace) {
	socketio.On(ns, "join", func(_ context.Context, s *socketio.Socket, room string) error { return s.Join(room) })
	socketio.On(ns, "leave", func(_ context.Context, s *socketio.Socket, room string) error {
		s.Leave(room)
		return nil
	})
	socketio.On(ns, "cast", cast)
	socketio.On(ns, "burst", func(_ context.Context, _ *socketio.Socket, n int) error {
		for i := range n {
			if err := ns.Emit("burst", i); err != nil {
				return err
			}
		}
		return nil
	})
	socketio.On(ns, "stream", func(_ context.Context, s *socketio.Socket, in number) error {
		go stream(s, in.N)
		return nil
	})

	type tally struct {
		Counted   int `json:"counted"`
		Misplaced int `json:"misplaced"`
	}
	tallies := socketio.NewKey[tally]("tally")
	socketio.On(ns, "count", func(_ context.Context, s *socketio.Socket, i int) error {
		sum, _ := tallies.Get(s)
		if i != sum.Counted {
			sum.Misplaced++
		}
		sum.Counted++
		tallies.Set(s, sum)
		return nil
	})
	socketio.OnAck(ns, "counted", func(_ context.Context, s *socketio.Socket, _ socketio.None) (tally, error) {
		sum, _ := tallies.Get(s)
		return sum, nil
	})
}

// addressees are the first argument of the event cast; its data is the second.
type addressees struct {
	To       []string `json:"to"`
	Except   []string `json:"except"`
	Volatile bool     `json:"volatile"`
	Self     bool     `json:"self"`
}

func cast(_ context.Context, s *socketio.Socket, in socketio.Args2[addressees, socketio.Value]) error {
	target := s.Broadcast()
	if in.A.Self {
		target = s.Namespace().To()
	}
	target = target.To(in.A.To...).Except(in.A.Except...)
	if in.A.Volatile {
		target = target.Volatile()
	}
	return target.Emit("cast", in.B)
}

// stream emits without a pause and with pauses in turn.
func stream(s *socketio.Socket, n int) {
	for i := range n {
		if s.Emit("tick", i) != nil {
			return
		}
		if i%4 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	_ = s.Emit("stream-end")
}

// endings remembers why the latest sockets ended.
type endings struct {
	mu      sync.Mutex // guards latest and next
	latest  [256]ending
	next    int
	changed *sync.Cond
}

type ending struct {
	id  string
	why socketio.Reason
}

func newEndings() *endings {
	e := new(endings)
	e.changed = sync.NewCond(&e.mu)
	return e
}

func (e *endings) note(_ context.Context, s *socketio.Socket, why socketio.Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.latest[e.next%len(e.latest)] = ending{s.ID(), why}
	e.next++
	e.changed.Broadcast()
}

// of waits for the end of a socket.
func (e *endings) of(ctx context.Context, _ *socketio.Socket, id string) (socketio.Reason, error) {
	wake := func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.changed.Broadcast()
	}
	defer context.AfterFunc(ctx, wake)()
	e.mu.Lock()
	defer e.mu.Unlock()
	for ctx.Err() == nil {
		for _, past := range e.latest {
			if past.id == id {
				return past.why, nil
			}
		}
		e.changed.Wait()
	}
	return "", ctx.Err()
}
