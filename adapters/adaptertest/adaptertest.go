// Package adaptertest is what every adapter must do, as one suite of tests: three
// servers, each with a client, that behave as one.
package adaptertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// A Connector makes the adapters of one cluster, as socketio.Options.Adapter does.
type Connector func(adapter.Local) (adapter.Adapter, error)

// Run runs the suite. It calls begin for each test, whose cluster has nothing to do
// with those of the others; what begin leaves behind t.Cleanup removes.
func Run(t *testing.T, begin func(t *testing.T) Connector) {
	for _, test := range []struct {
		name string
		run  func(*cluster)
	}{
		{"targets reach whom they name", targets},
		{"arguments arrive as they were sent", arguments},
		{"order is kept", order},
		{"rooms are heard once they are subscribed", subscribed},
		{"namespaces are apart", namespaces},
		{"all acknowledge", acknowledgements},
		{"acknowledgements come as they arrive", eachAcknowledgement},
		{"handlers call all", callsInHandlers},
		{"sockets are fetched", fetchedSockets},
		{"sockets are made to join and leave", membership},
		{"sockets are disconnected", disconnection},
		{"server-side events reach the others", serverSideEvents},
		{"a server leaves", departure},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(newCluster(t, begin(t))) })
	}
}

const (
	servers = 3
	// patience is how long a test waits for what must happen.
	patience = 10 * time.Second
	// brief is how long it waits for what must not; meanwhile the rest has to happen.
	brief = time.Second
)

// A cluster is three servers and a client of the main namespace on each.
type cluster struct {
	*testing.T
	servers [servers]*socketio.Server
	ns      [servers]*socketio.Namespace
	clients [servers]*socketiotest.Client
	sockets [servers]*socketio.Socket

	mu       sync.Mutex // guards adapters
	adapters []adapter.Adapter
}

func newCluster(t *testing.T, connect Connector) *cluster {
	c := &cluster{T: t}
	for i := range c.servers {
		c.servers[i] = socketio.New(&socketio.Options{Adapter: c.noted(connect)})
		t.Cleanup(func() { c.shutdown(i) })
		c.ns[i] = c.servers[i].Of("/")
	}
	c.formed(servers)
	for i, srv := range c.servers {
		c.clients[i] = socketiotest.Connect(t, srv, "/", &socketiotest.Options{Auth: map[string]int{"n": i}})
		c.sockets[i] = c.ns[i].Sockets()[0]
	}
	return c
}

// noted keeps the adapters that are made.
func (c *cluster) noted(connect Connector) Connector {
	return func(local adapter.Local) (adapter.Adapter, error) {
		a, err := connect(local)
		if err != nil {
			c.Errorf("adapter of %s: %v", local.Namespace(), err)
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if local.Namespace() == "/" {
			c.adapters = append(c.adapters, a)
		}
		return a, nil
	}
}

func (c *cluster) shutdown(i int) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.servers[i].Shutdown(ctx); err != nil {
		c.Errorf("Shutdown: %v", err)
	}
}

// formed waits until the servers that are left know of each other.
func (c *cluster) formed(n int) {
	c.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.adapters[len(c.adapters)-n:] {
		c.until("the number of servers", func() bool {
			got, err := a.ServerCount(c.Context())
			return err == nil && got == n
		})
	}
}

// until polls what has no event of its own.
func (c *cluster) until(what string, ok func() bool) {
	c.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("%s: not so after %v", what, patience)
		}
	}
}

func (c *cluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// within returns a context for what must happen.
func (c *cluster) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(c.Context(), d)
	c.Cleanup(cancel)
	return ctx
}

// expect checks the one argument of the next event of a name.
func expect[T comparable](c *cluster, client int, event string, want T) {
	c.Helper()
	var got T
	if err := c.clients[client].Expect(event).Decode(&got); err != nil || got != want {
		c.Fatalf("client %d, event %s: got %v, %v, want %v", client, event, got, err, want)
	}
}

// partial checks that an error says that so many have answered.
func (c *cluster) partial(err error, answered, expected int, cause error) {
	c.Helper()
	var p *socketio.PartialError
	if !errors.As(err, &p) || p.Answered != answered || p.Expected != expected || !errors.Is(err, cause) {
		c.Fatalf("got %v, want %d of %d because of %v", err, answered, expected, cause)
	}
}

// answering acknowledges all events of a name that clients get, until the test ends.
func (c *cluster) answering(event string, clients ...int) {
	for _, i := range clients {
		done := make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			defer close(done)
			for {
				e, err := c.clients[i].Next(ctx)
				if err != nil {
					return
				}
				if e.Name == event && e.WantsAck() {
					_ = e.Ack(i)
				}
			}
		}()
		c.Cleanup(func() {
			cancel()
			<-done
		})
	}
}
