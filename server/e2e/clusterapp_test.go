package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"parley/server/adapter"
	"parley/server/socketio"
)

// A clusterApp is what the servers of a mixed cluster do; js/peer.mjs is its twin.
type clusterApp struct {
	io *socketio.Server

	mu       sync.Mutex // guards adapters
	adapters map[string]adapter.Adapter
}

// clusterName is what other servers see of a client.
var clusterName = socketio.NewSharedKey[string]("name")

// newClusterApp runs the application behind an adapter. A recovery of 0 is none.
func newClusterApp(opts socketio.Options, recovery time.Duration) *clusterApp {
	app := &clusterApp{adapters: make(map[string]adapter.Adapter)}
	connect := opts.Adapter
	opts.PingInterval = 5 * time.Second
	opts.Adapter = func(local adapter.Local) (adapter.Adapter, error) {
		a, err := connect(local)
		app.mu.Lock()
		defer app.mu.Unlock()
		app.adapters[local.Namespace()] = a
		return a, err
	}
	app.io = socketio.New(&opts)
	for _, name := range []string{"/", "/custom"} {
		app.mount(app.io.Of(name))
		if recovery > 0 {
			app.io.Of(name).EnableRecovery(socketio.Recovery{Window: recovery, MaxWait: patience}) // however loaded the machine is
		}
	}
	socketio.OnAck(app.io.Of("/control"), "order", app.control)
	return app
}

func (app *clusterApp) mount(ns *socketio.Namespace) {
	ns.OnConnect(func(_ context.Context, s *socketio.Socket) {
		var given struct{ Name string }
		_ = json.Unmarshal(s.Handshake().Auth, &given)
		_ = clusterName.Set(s, given.Name)
	})
	socketio.On(ns, "join", func(_ context.Context, s *socketio.Socket, room string) error { return s.Join(room) })
	socketio.On(ns, "leave", func(_ context.Context, s *socketio.Socket, room string) error {
		s.Leave(room)
		return nil
	})
	socketio.On(ns, "spread", func(_ context.Context, s *socketio.Socket, in socketio.Args) error {
		room, event, args, err := roomAndEvent(in)
		if err != nil {
			return err
		}
		target := s.Broadcast()
		if room != "" {
			target = s.To(room)
		}
		return target.Emit(event, args...)
	})
	socketio.OnServerSide(ns, "told", func(_ context.Context, in socketio.Args) error {
		return app.io.Of("/control").Local().Emit("told", append([]any{ns.Name()}, anys(in)...)...)
	})
	socketio.OnServerSideAck(ns, "question", func(_ context.Context, x socketio.Value) (socketio.Value, error) { return x, nil })
	socketio.OnServerSideAck(ns, "silence", func(ctx context.Context, _ socketio.Args) (string, error) {
		select { // longer than anybody waits, and no longer than the next test can
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
		return "too late", nil
	})
}

func roomAndEvent(in socketio.Args) (room, event string, args []any, err error) {
	if len(in) < 2 {
		return "", "", nil, errors.New("want a room and an event")
	}
	err = errors.Join(in[0].Decode(&room), in[1].Decode(&event))
	return room, event, anys(in[2:]), err
}

func anys(values []socketio.Value) []any {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return list
}

// An order is what a test tells a server to do, in the words of js/peer.mjs.
type order struct {
	Do           string   `json:"do"`
	Namespace    string   `json:"namespace"`
	To           []string `json:"to"`
	Except       []string `json:"except"`
	Volatile     bool     `json:"volatile"`
	Local        bool     `json:"local"`
	Uncompressed bool     `json:"uncompressed"`
	Within       int      `json:"within"` // ms
	Rooms        []string `json:"rooms"`
	Close        bool     `json:"close"`
}

type ordered struct {
	OK     bool `json:"ok"`
	Result any  `json:"result"`
}

// answered is what came of a call.
type answered struct {
	Answers  []socketio.Value `json:"answers"`
	Complete bool             `json:"complete"`
}

func (app *clusterApp) control(ctx context.Context, _ *socketio.Socket, in socketio.Args) (ordered, error) {
	if len(in) == 0 {
		return ordered{}, errors.New("no order")
	}
	var o order
	if err := in[0].Decode(&o); err != nil {
		return ordered{}, err
	}
	if o.Namespace == "" {
		o.Namespace = "/"
	}
	var event string
	args := anys(in[1:])
	if len(in) > 1 {
		if err := in[1].Decode(&event); err != nil {
			return ordered{}, err
		}
	}
	result, err := app.obey(ctx, o, event, args)
	if err != nil {
		return ordered{}, &socketio.Error{Code: "failed", Message: err.Error()}
	}
	return ordered{true, result}, nil
}

func (app *clusterApp) obey(ctx context.Context, o order, event string, args []any) (any, error) {
	within := 5 * time.Second
	if o.Within > 0 {
		within = time.Duration(o.Within) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	ns := app.io.Of(o.Namespace)
	switch o.Do {
	case "emit":
		return nil, o.target(ns).Emit(event, args[1:]...)
	case "ask":
		answers, err := socketio.CallAll[socketio.Args](ctx, o.target(ns), event, args[1:]...)
		return outcome(firsts(answers), err)
	case "fetch":
		return fetch(ctx, o.target(ns))
	case "join":
		return nil, o.target(ns).Join(o.Rooms...)
	case "leave":
		return nil, o.target(ns).Leave(o.Rooms...)
	case "disconnect":
		return nil, o.target(ns).Disconnect(o.Close)
	case "tell":
		return nil, ns.ServerSideEmit(event, args[1:]...)
	case "ask-servers":
		answers, err := socketio.ServerSideCall[socketio.Value](ctx, ns, event, args[1:]...)
		return outcome(answers, err)
	case "count":
		app.mu.Lock()
		a := app.adapters[o.Namespace]
		app.mu.Unlock()
		return a.ServerCount(ctx)
	}
	return nil, fmt.Errorf("what is %q?", o.Do)
}

func (o order) target(ns *socketio.Namespace) socketio.Target {
	t := ns.To(o.To...).Except(o.Except...)
	if o.Volatile {
		t = t.Volatile()
	}
	if o.Local {
		t = t.Local()
	}
	if o.Uncompressed {
		t = t.Compress(false)
	}
	return t
}

// firsts are the first arguments of answers, null where there is none.
func firsts(all []socketio.Args) []socketio.Value {
	list := make([]socketio.Value, len(all))
	for i, args := range all {
		if len(args) > 0 {
			list[i] = args[0]
		}
	}
	return list
}

func outcome(answers []socketio.Value, err error) (any, error) {
	var partial *socketio.PartialError
	if err != nil && !errors.As(err, &partial) {
		return nil, err
	}
	return answered{answers, err == nil}, nil
}

type fetched struct {
	ID    string          `json:"id"`
	Rooms []string        `json:"rooms"`
	Name  string          `json:"name"`
	Auth  json.RawMessage `json:"auth"`
	Color string          `json:"color"`
	Agent string          `json:"agent"`
}

func fetch(ctx context.Context, t socketio.Target) (any, error) {
	all, err := t.FetchSockets(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]fetched, len(all))
	for i, s := range all {
		name, _ := clusterName.Get(s)
		h := s.Handshake
		list[i] = fetched{s.ID, s.Rooms, name, h.Auth, h.Query.Get("color"), h.Header.Get("X-Agent")}
	}
	return list, nil
}
