package forward

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options configures a Node. Zero means the default that stands at the end of each field's text, and never "unlimited".
type Options struct {
	// URL is where the other servers reach this one: http or https, host and port, and nothing more. Required.
	URL string
	// Prefix begins the name of the directory's key in Redis, for several clusters on one Redis. "parley".
	Prefix string
	// Secret is what the servers prove themselves with: the same 32 bytes or more for all. Nil: random, shared through
	// Redis, and then whoever may write to Redis can be a server.
	Secret []byte
	// TLS is for URLs of other servers that are https. Nil: as is usual.
	TLS *tls.Config
	// Lifetime is how long a server that says nothing more stays in the directory, at least 1 s. 15 s.
	Lifetime time.Duration
	// LookupTimeout is how long a request waits for the directory if its session's server is not known yet. 500 ms.
	LookupTimeout time.Duration
	// DialTimeout bounds the connecting to another server. 2 s.
	DialTimeout time.Duration
	// PeerTimeout is how long a server may stand still: requests that wait for one which does not answer for so long are
	// answered here, as if nobody had their session. At least 100 ms. 10 s.
	PeerTimeout time.Duration
	// ReadTimeout is how long a client may take to send the body of a request. 30 s.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take nothing of what is sent to it. 10 s.
	WriteTimeout time.Duration
	// MaxForwarded bounds the requests and WebSockets that are passed on at one time; further ones get status 503. Each
	// needs two connections. 20,000.
	MaxForwarded int
	// MaxIdle bounds the connections to each other server that wait for their next request. 100.
	MaxIdle int
	// Logger is told what the operator should know. Nil discards all.
	Logger *slog.Logger
}

const (
	shortestSecret   = 32
	shortestLifetime = time.Second
	shortestPeerTime = 100 * time.Millisecond
)

// checked returns a copy with defaults. The error names a field that has an impossible value.
func (o *Options) checked() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	if _, err := parsePeer(c.URL); err != nil {
		return c, fmt.Errorf("forward: Options.URL %q: %w", c.URL, err)
	}
	if c.Secret != nil && len(c.Secret) < shortestSecret {
		return c, fmt.Errorf("forward: Options.Secret is shorter than %d bytes", shortestSecret)
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"Lifetime", &c.Lifetime, 15 * time.Second},
		{"LookupTimeout", &c.LookupTimeout, 500 * time.Millisecond},
		{"DialTimeout", &c.DialTimeout, 2 * time.Second},
		{"PeerTimeout", &c.PeerTimeout, 10 * time.Second},
		{"ReadTimeout", &c.ReadTimeout, 30 * time.Second},
		{"WriteTimeout", &c.WriteTimeout, 10 * time.Second},
	} {
		if *d.value < 0 {
			return c, fmt.Errorf("forward: Options.%s is negative", d.name)
		}
		*d.value = cmp.Or(*d.value, d.fallback)
	}
	if c.Lifetime < shortestLifetime {
		return c, fmt.Errorf("forward: Options.Lifetime is below %s", shortestLifetime)
	}
	if c.PeerTimeout < shortestPeerTime {
		return c, fmt.Errorf("forward: Options.PeerTimeout is below %s", shortestPeerTime)
	}
	if c.MaxForwarded < 0 {
		return c, errors.New("forward: Options.MaxForwarded is negative")
	}
	if c.MaxIdle < 0 {
		return c, errors.New("forward: Options.MaxIdle is negative")
	}
	c.MaxForwarded, c.MaxIdle = cmp.Or(c.MaxForwarded, 20_000), cmp.Or(c.MaxIdle, 100)
	c.Prefix = cmp.Or(c.Prefix, "parley")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// parsePeer reads the URL of a server.
func parsePeer(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("want http or https")
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		return nil, errors.New("want a host and a port, such as http://10.0.0.7:3000")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// idleTime is how long a connection to another server waits for its next request: less than a server lets it wait, lest
// a request be sent on a connection that is about to end.
const idleTime = 30 * time.Second

// A Node is one server among several. Its methods may be called from any goroutine.
type Node struct {
	opts      Options
	tag       string
	directory *directory
	transport *http.Transport
	life      context.Context // of what is passed on
	cancel    context.CancelFunc
	watching  sync.WaitGroup

	forwarded, failed, accepted atomic.Int64
	draining                    atomic.Bool  // answers end their connections
	warned                      atomic.Int64 // when a request was last refused, in Unix seconds

	mu       sync.Mutex // guards what follows
	open     int
	refusing bool          // nothing more is passed on
	empty    chan struct{} // closed when open is 0; nil: nobody waits
	tunnels  map[*tunnel]struct{}
}

// New makes this server known to the others, and keeps it so until Close. It does not wait for Redis. The client stays
// the caller's. The error names a bad option.
func New(client redis.UniversalClient, opts *Options) (*Node, error) {
	o, err := opts.checked()
	if err != nil {
		return nil, err
	}
	tag := randomText(tagLength)
	n := &Node{opts: o, tag: tag, tunnels: make(map[*tunnel]struct{})}
	n.life, n.cancel = context.WithCancel(context.Background())
	n.transport = &http.Transport{
		DialContext:            n.dial,
		TLSClientConfig:        o.TLS,
		DisableCompression:     true, // what the client accepts is between it and the session's server
		MaxIdleConnsPerHost:    o.MaxIdle,
		IdleConnTimeout:        idleTime,
		TLSHandshakeTimeout:    o.DialTimeout,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
	n.directory = newDirectory(client, tag, &n.opts)
	return n, nil
}

// maxAnswerHeader bounds the header of another server's answer, in bytes.
const maxAnswerHeader = 64 << 10

func (n *Node) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: n.opts.DialTimeout}
	return d.DialContext(ctx, network, address)
}

// tagLength is that of a tag: 36 random bits.
const tagLength = 6

// randomText returns random characters of base64url.
func randomText(length int) string {
	b := make([]byte, (length*3+3)/4)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)[:length]
}

// Tag is what the ids of this server's sessions begin with: for socketio.Options.NodeTag. Each Node has another.
func (n *Node) Tag() string { return n.tag }

// Stats are figures of a Node: counts since New, but for Open and Nodes, which are of this moment.
type Stats struct {
	Forwarded int64 // requests passed on to other servers
	Failed    int64 // requests that were for another server which could not be reached
	Accepted  int64 // requests that other servers have passed on to this one
	Open      int   // requests and WebSockets that are being passed on
	Nodes     int   // other servers that are known
	Listed    bool  // the others know this server, as far as it could find out
}

// Stats returns the figures.
func (n *Node) Stats() Stats {
	s := Stats{Forwarded: n.forwarded.Load(), Failed: n.failed.Load(), Accepted: n.accepted.Load()}
	s.Nodes, s.Listed = n.directory.state()
	n.mu.Lock()
	defer n.mu.Unlock()
	s.Open = n.open
	return s
}

// begin counts a request that is to be passed on; an error says why it cannot be.
func (n *Node) begin() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.refusing:
		return errRefusing
	case n.open >= n.opts.MaxForwarded:
		return errFull
	}
	n.open++
	return nil
}

var (
	errRefusing = errors.New("forward: the server is closing")
	errFull     = errors.New("forward: MaxForwarded requests are open")
)

// end uncounts it.
func (n *Node) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open--; n.open == 0 && n.empty != nil {
		close(n.empty)
		n.empty = nil
	}
}

func (n *Node) refuse() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refusing = true
}

// wait waits until nothing is open.
func (n *Node) wait(ctx context.Context) error {
	n.mu.Lock()
	if n.open == 0 {
		n.mu.Unlock()
		return nil
	}
	if n.empty == nil {
		n.empty = make(chan struct{})
	}
	empty := n.empty
	n.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Drain closes the WebSockets that are passed on, spread evenly over the given time, and lets requests come to their
// ends: polls that wait are answered by their servers within a PingInterval, and each answer ends its connection, so that
// the load balancer opens the next one elsewhere. After that time, or when nothing has been passed on for 2 s, further
// requests are refused. It returns when nothing is passed on any more, or with ctx's error.
func (n *Node) Drain(ctx context.Context, over time.Duration) error {
	n.draining.Store(true)
	n.mu.Lock()
	list := make([]*tunnel, 0, len(n.tunnels))
	for t := range n.tunnels { // in no order, which is what is wanted
		list = append(list, t)
	}
	n.mu.Unlock()
	start := time.Now()
	for i, t := range list {
		if err := pause(ctx, start.Add(over/time.Duration(len(list))*time.Duration(i))); err != nil {
			return err
		}
		t.close()
	}
	if err := n.quiet(ctx, start.Add(over)); err != nil {
		return err
	}
	n.refuse()
	n.closeTunnels()
	return n.wait(ctx)
}

// drainQuiet is how long a draining server that passes nothing on waits for clients that are between two requests.
const drainQuiet = 2 * time.Second

// quiet waits until a time, or until nothing has been passed on for drainQuiet.
func (n *Node) quiet(ctx context.Context, until time.Time) error {
	before, since := int64(-1), time.Now()
	for at := since; at.Before(until) && at.Sub(since) < drainQuiet; at = time.Now() {
		n.mu.Lock()
		open := n.open
		n.mu.Unlock()
		if passed := n.forwarded.Load(); open > 0 || passed != before {
			before, since = passed, at
		}
		step := at.Add(drainQuiet / 20)
		if step.After(until) {
			step = until
		}
		if err := pause(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for a time.
func pause(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends what is passed on. Nothing is spawned afterwards.
func (n *Node) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cancel()
}

func (n *Node) closeTunnels() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for t := range n.tunnels {
		t.close()
	}
}

// Close takes this server out of the directory, cuts off what is still passed on, and returns when no goroutine of the
// Node is left, or with ctx's error. It comes after the socketio.Server's Shutdown.
func (n *Node) Close(ctx context.Context) error {
	n.refuse()
	n.stop()
	n.closeTunnels()
	err := n.wait(ctx)
	n.watching.Wait() // for what life has ended
	n.transport.CloseIdleConnections()
	return errors.Join(err, n.directory.close(ctx))
}
