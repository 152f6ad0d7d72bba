package limits

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"parley/server/socketio"
)

// Addresses bounds the connections of each network address: of IPv6 each network of
// 64 bits, which is what one customer has. Connections from this machine, and those
// without an IP address, are not bounded. It may be used by any number of goroutines.
type Addresses struct {
	opts AddressOptions
	now  func() time.Time

	mu       sync.Mutex // guards what follows
	byPrefix map[netip.Prefix]*address
	swept    int       // addresses that the last sweep has left
	logged   time.Time // when a refusal was last logged
	refused  int       // since then
}

// AddressOptions are the limits of an Addresses. All must be positive.
type AddressOptions struct {
	Most      int          // connections of an address at one time
	PerSecond int          // new connections of an address
	Burst     int          // new connections that may come at once
	Logger    *slog.Logger // gets a line a minute at most while addresses are refused; nil: silent
}

type address struct {
	connections int
	opening     *rate.Limiter
}

// NewAddresses panics with the field's name if a limit is not positive.
func NewAddresses(o AddressOptions) *Addresses {
	for _, f := range []struct {
		name  string
		value int
	}{{"Most", o.Most}, {"PerSecond", o.PerSecond}, {"Burst", o.Burst}} {
		if f.value < 1 {
			panic("limits: AddressOptions." + f.name + " is not positive")
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Addresses{opts: o, now: time.Now, byPrefix: make(map[netip.Prefix]*address)}
}

// Admit decides on a client that wants to connect from an address, which is host:port
// as in http.Request.RemoteAddr. The error, a socketio.ErrOverloaded, is fit for
// clients. Opened and Closed must tell what becomes of the client.
func (a *Addresses) Admit(remoteAddr string) error {
	p, bounded := prefixOf(remoteAddr)
	if !bounded {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	who := a.address(p)
	switch {
	case who.connections >= a.opts.Most:
		a.log(p)
		return fmt.Errorf("%w: too many connections from this address, the maximum is %d", socketio.ErrOverloaded, a.opts.Most)
	case !who.opening.AllowN(a.now(), 1):
		a.log(p)
		return fmt.Errorf("%w: too many new connections from this address, the maximum is %d per second", socketio.ErrOverloaded, a.opts.PerSecond)
	}
	return nil
}

// Opened counts a connection.
func (a *Addresses) Opened(remoteAddr string) {
	if p, bounded := prefixOf(remoteAddr); bounded {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.address(p).connections++
	}
}

// Closed uncounts a connection that Opened has counted.
func (a *Addresses) Closed(remoteAddr string) {
	if p, bounded := prefixOf(remoteAddr); bounded {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.address(p).connections--
	}
}

// address returns what is known of an address. The caller holds mu.
func (a *Addresses) address(p netip.Prefix) *address {
	if who := a.byPrefix[p]; who != nil {
		return who
	}
	a.sweep()
	who := &address{opening: rate.NewLimiter(rate.Limit(a.opts.PerSecond), a.opts.Burst)}
	a.byPrefix[p] = who
	return who
}

// sweep forgets addresses of which there is nothing to remember, whenever there are
// twice as many as after the last time. The caller holds mu.
func (a *Addresses) sweep() {
	const few = 1024
	if len(a.byPrefix) < max(few, 2*a.swept) {
		return
	}
	now := a.now()
	left := make(map[netip.Prefix]*address) // a map does not shrink
	for p, who := range a.byPrefix {
		if who.connections > 0 || who.opening.TokensAt(now) < float64(a.opts.Burst) {
			left[p] = who
		}
	}
	a.byPrefix, a.swept = left, len(left)
}

// log says that an address is refused. The caller holds mu.
func (a *Addresses) log(p netip.Prefix) {
	a.refused++
	if now := a.now(); now.Sub(a.logged) >= time.Minute {
		a.opts.Logger.Warn("too many connections from an address; if it is a proxy's, name it in --trusted-proxies, else see --connections-per-ip",
			"address", p.String(), "refused", a.refused)
		a.logged, a.refused = now, 0
	}
}

// prefixOf returns what an address is counted as, and whether it is.
func prefixOf(remoteAddr string) (p netip.Prefix, bounded bool) {
	ap, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return p, false
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.IsLoopback() {
		return p, false
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err = addr.Prefix(bits)
	return p, err == nil
}
