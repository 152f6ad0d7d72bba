package zishang520

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"net/http"

	"github.com/zishang520/engine.io/v2/config"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"

	"parley/server/engineio"
)

// Options are what a socket.Server does not know. The zero value of a field means its
// default.
type Options struct {
	// ServerOptions are those that the application gives to ServeHandler, Listen or
	// Attach. As there, what NewServer was given goes before. Nil: none.
	ServerOptions *socket.ServerOptions
	// Engine may change the options of the engine, which come from those of the
	// socket.Server. Nil: they stay.
	Engine func(*engineio.Options)
	// MaxAttachments is the number of binary attachments of one packet. A client with
	// more is closed. Default 10.
	MaxAttachments int
	// MaxNamespaces is the number of namespaces that one client joins; a further one
	// is refused. Default 64.
	MaxNamespaces int
	// InboxEvents and InboxBytes bound what waits for the listeners of one client,
	// which is not read from while there is more. Default 10,000 and 1 MiB.
	InboxEvents int
	InboxBytes  int
	// ListenerWait is how long the events of a socket wait for the listeners of
	// "connection" to return, and the end of a connection for a listener that is
	// running. Default 5 s.
	ListenerWait time.Duration
}

// withDefaults returns a checked copy. It panics with the name of a field that has an
// impossible value.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"MaxAttachments", &c.MaxAttachments, 10},
		{"MaxNamespaces", &c.MaxNamespaces, 64},
		{"InboxEvents", &c.InboxEvents, 10_000},
		{"InboxBytes", &c.InboxBytes, 1 << 20},
	} {
		if *f.value < 0 {
			panic("zishang520: Options." + f.name + " is negative")
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if c.ListenerWait < 0 {
		panic("zishang520: Options.ListenerWait is negative")
	}
	if c.ListenerWait == 0 {
		c.ListenerWait = 5 * time.Second
	}
	return c
}

// engineOptions translates the options of a socket.Server, completed with the defaults
// of engine.io/v2.
func engineOptions(o config.ServerOptionsInterface) engineio.Options {
	e := engineio.Options{
		PingInterval:   o.PingInterval(),
		PingTimeout:    o.PingTimeout(),
		UpgradeTimeout: o.UpgradeTimeout(),
		MaxPayload:     int(o.MaxHttpBufferSize()),
		Transports:     o.Transports().Keys(),
		DisableUpgrade: !o.AllowUpgrades(),
		AllowEIO3:      o.AllowEIO3(),
		Cookie:         o.Cookie(),
	}
	if c := o.HttpCompression(); c != nil {
		e.CompressionThreshold = c.Threshold
	}
	if d := o.PerMessageDeflate(); d != nil {
		e.PerMessageDeflate = &engineio.PerMessageDeflate{Threshold: d.Threshold}
	}
	if allow := o.AllowRequest(); allow != nil {
		e.AllowRequest = func(r *http.Request) error {
			ctx := types.NewHttpContext(answered{}, r)
			defer ctx.Flush()
			return allow(ctx)
		}
	}
	if c := o.Cors(); c != nil {
		setCORS(&e, c)
	}
	return e
}

// setCORS translates what socket.io/v2 says about pages of other origins.
func setCORS(e *engineio.Options, c *types.Cors) {
	if c.Origin == nil || c.Origin == "*" {
		e.AllowedOrigins = []string{"*"}
	} else {
		e.AllowOrigin = func(_ *http.Request, origin string) bool { return originIn(origin, c.Origin) }
	}
	e.CORS = engineio.CORS{
		DisableCredentials: !c.Credentials,
		Methods:            names(c.Methods),
		AllowedHeaders:     names(c.AllowedHeaders),
		ExposedHeaders:     names(c.ExposedHeaders),
	}
	if c.AllowedHeaders == nil {
		e.CORS.AllowedHeaders = names(c.Headers)
	}
	if c.MaxAge != "" {
		seconds, err := strconv.Atoi(c.MaxAge)
		if err != nil || seconds < 0 {
			panic(fmt.Sprintf("zishang520: Cors.MaxAge: %q is no number of seconds", c.MaxAge))
		}
		e.CORS.MaxAge = time.Duration(seconds) * time.Second
	}
}

// originIn reports whether an origin is among those allowed: a string, a
// *regexp.Regexp, a bool for all or none, or a list of these.
func originIn(origin string, allowed any) bool {
	switch v := allowed.(type) {
	case string:
		return origin == v
	case *regexp.Regexp:
		return v.MatchString(origin)
	case bool:
		return v
	case []any:
		for _, one := range v {
			if originIn(origin, one) {
				return true
			}
		}
	}
	return false
}

// names takes a list apart: a []string, or one string with commas.
func names(list any) []string {
	switch v := list.(type) {
	case []string:
		return v
	case string:
		var all []string
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				all = append(all, name)
			}
		}
		return all
	}
	return nil
}
