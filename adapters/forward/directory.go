package forward

import (
	"context"
	"crypto/hmac"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// beats is how often in its Lifetime a server says that it lives.
	beats = 5
	// gap is the least time between two looks into the directory: whatever clients ask for, Redis is not asked more often.
	gap = 50 * time.Millisecond
	// dark is for how long a server that could not be reached is not tried again.
	dark = time.Second
	// maxNodes bounds the servers that are known.
	maxNodes = 10_000
)

// A peer is another server.
type peer struct {
	tag   string
	url   *url.URL
	text  string
	seen  time.Time    // when it was last in the directory
	dark  atomic.Int64 // until when it is not tried, in Unix nanoseconds
	watch watch
}

// failed makes the next requests not wait for a server that cannot be reached.
func (p *peer) failed() { p.dark.Store(time.Now().Add(dark).UnixNano()) }

func (p *peer) reachable() bool { return time.Now().UnixNano() >= p.dark.Load() && !p.watch.stands() }

// A directory is what this server knows of the others, kept fresh by a goroutine. When Redis is away, what was last known
// stands.
type directory struct {
	client   redis.UniversalClient
	key      string
	tag      string
	instance string // tells this server from another one with its tag
	entry    string // what it says of this server
	lifetime time.Duration
	log      *slog.Logger

	wake   chan struct{} // asks for a look at once
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended

	mu           sync.Mutex // guards what follows
	peers        map[string]*peer
	secret       []byte
	own          bool          // the secret is the caller's, not the directory's
	listed       bool          // the last look listed this server
	failing      bool          // and Redis did not answer it
	begun, ended int           // looks
	look         chan struct{} // closed at the end of the present look, or of the next one
}

func newDirectory(client redis.UniversalClient, tag string, o *Options) *directory {
	d := &directory{
		client: client, key: o.Prefix + ":nodes", tag: tag, instance: randomText(22), lifetime: o.Lifetime, log: o.Logger,
		wake: make(chan struct{}, 1), done: make(chan struct{}), peers: make(map[string]*peer),
		secret: o.Secret, own: o.Secret != nil, look: make(chan struct{}),
	}
	d.entry = d.signed(tag, o.URL)
	var life context.Context
	life, d.cancel = context.WithCancel(context.Background())
	go d.run(life)
	return d
}

// run looks into the directory, now and then or when it is asked to.
func (d *directory) run(life context.Context) {
	defer close(d.done)
	proposal := []byte(randomText(43))
	for life.Err() == nil {
		d.refresh(life, proposal)
		rest := time.NewTimer(gap)
		select {
		case <-rest.C:
		case <-life.Done():
		}
		every := d.lifetime / beats
		rest.Reset(every - gap - rand.N(every/5))
		select {
		case <-rest.C:
		case <-d.wake:
		case <-life.Done():
		}
		rest.Stop()
	}
}

// refresh says that this server lives, and learns of the others.
func (d *directory) refresh(life context.Context, proposal []byte) {
	d.mu.Lock()
	d.begun++
	if len(d.secret) > 0 {
		proposal = d.secret // after Redis has lost everything the servers agree on what they had
	}
	if d.own {
		proposal = nil
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(life, d.lifetime/beats)
	defer cancel()
	reply, err := beat.Run(ctx, d.client, []string{d.key}, d.tag, d.instance, d.entry, d.lifetime.Milliseconds(), proposal, maxNodes).StringSlice()
	if err == nil && len(reply) < 2 {
		err = errors.New("forward: strange answer of the directory")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended++
	close(d.look)
	d.look = make(chan struct{})
	if err != nil {
		if !d.failing && life.Err() == nil {
			d.log.Warn("forward: the directory of servers cannot be reached; what is known of them stands", "error", err)
		}
		d.failing = true
		return
	}
	d.failing = false
	d.learn(reply, time.Now())
}

// learn takes what the directory says: whether this server is listed, the secret, and of each other server its tag and
// its URL. The caller holds mu.
func (d *directory) learn(reply []string, now time.Time) {
	taken := reply[0] != "1"
	if taken && (d.listed || d.ended == 1) {
		d.log.Error("forward: another server has this one's tag; requests do not find their way here", "tag", d.tag)
	}
	d.listed = !taken
	if !d.own && reply[1] != "" {
		d.secret = []byte(reply[1])
	}
	for list := reply[2:]; len(list) >= 2; list = list[2:] {
		tag := list[0]
		text, _, _ := strings.Cut(list[1], "#")
		if !hmac.Equal([]byte(list[1]), []byte(d.signed(tag, text))) {
			d.log.Debug("forward: a server is listed that does not have the secret", "tag", tag)
		} else if p := d.peers[tag]; p != nil && p.text == text {
			p.seen = now
		} else if u, err := parsePeer(text); err == nil {
			d.peers[tag] = &peer{tag: tag, url: u, text: text, seen: now}
		}
	}
	// A server that is gone from the directory may only have been cut off from Redis, or Redis may have begun anew.
	for tag, p := range d.peers {
		if now.Sub(p.seen) > d.lifetime {
			delete(d.peers, tag)
		}
	}
}

// signed returns the URL of a server as it stands in the directory. Where the secret is not in Redis, an HMAC-SHA256 of
// its tag and URL follows: whoever may write to Redis cannot have clients' requests sent elsewhere.
func (d *directory) signed(tag, url string) string {
	if !d.own {
		return url
	}
	return url + "#" + mac(d.secret, "", tag, url) // no request has an empty method
}

// find returns the server with a tag, nil if there is none. It looks into the directory for one that it does not know,
// until ctx ends.
func (d *directory) find(ctx context.Context, tag string) *peer {
	d.mu.Lock()
	defer d.mu.Unlock()
	for want := d.begun + 1; ; {
		if p := d.peers[tag]; p != nil || d.failing || d.ended >= want {
			return p
		}
		look := d.look
		d.mu.Unlock()
		select {
		case d.wake <- struct{}{}:
		default:
		}
		select {
		case <-look:
		case <-ctx.Done():
		}
		d.mu.Lock()
		if ctx.Err() != nil {
			return d.peers[tag]
		}
	}
}

// knows reports whether a server is still one of those that are known.
func (d *directory) knows(p *peer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.peers[p.tag] == p
}

// proof returns the secret; nil if it is not known yet.
func (d *directory) proof() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.secret
}

func (d *directory) state() (nodes int, listed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.peers), d.listed
}

// close takes this server out of the directory.
func (d *directory) close(ctx context.Context) error {
	d.cancel()
	select {
	case <-d.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	failing := d.failing
	d.mu.Unlock()
	if failing {
		return nil // it will be forgotten
	}
	left := make(chan error, 1)
	go func() { left <- leave.Run(ctx, d.client, []string{d.key}, d.tag, d.instance).Err() }()
	select {
	case err := <-left:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
