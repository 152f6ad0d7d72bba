// Package pubsub is the main namespace, "/": clients subscribe to channels and
// publish to them. Nothing is kept.
package pubsub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/namespaces/event"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

// Options are the limits of the namespace. Zero means the default.
type Options struct {
	// Recovery is how long a client that lost its connection may be away and still
	// have its subscriptions, and get what it missed. Not at all if zero.
	Recovery time.Duration

	EventBytes int // one event, its name, JSON and binary data together; 10240
	NameBytes  int // a channel; 250
}

// withDefaults returns a copy that has every limit set. It panics on one that
// makes no sense.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Recovery < 0 {
		panic("pubsub: Options.Recovery is negative")
	}
	for _, f := range []struct {
		name  string
		field *int
		value int
	}{
		{"EventBytes", &c.EventBytes, event.MaxBytes},
		{"NameBytes", &c.NameBytes, identity.MaxName},
	} {
		if *f.field < 0 {
			panic(fmt.Sprintf("pubsub: Options.%s is negative", f.name))
		}
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return c
}

type channels struct {
	ns   *socketio.Namespace
	opts Options
}

var (
	errClaim   error = &socketio.Error{Code: "forbidden", Message: "Your token does not allow this channel."}
	errTooMany       = &socketio.Error{Code: "limit", Message: "Too many channels on this connection."}
	errMessage       = event.Invalid("message is missing.")
	errDeep          = event.Invalid(fmt.Sprintf("Arrays and objects of publish are nested more than %d deep.", depth))
)

// Mount gives srv's main namespace channels, behind gate. A token with the claim
// "channels" limits its bearer to the channels of these patterns, in which each *
// stands for any text. How many channels a client has is limited by
// socketio.Options.MaxRooms.
func Mount(srv *socketio.Server, gate *identity.Gate, opts *Options) {
	c := &channels{ns: srv.Of("/"), opts: opts.withDefaults()}
	if c.opts.Recovery > 0 {
		c.ns.EnableRecovery(socketio.Recovery{Window: c.opts.Recovery, User: func(s *socketio.Socket) string {
			p, _ := identity.Of(s)
			return p.UserID
		}})
	}
	gate.Guard(c.ns)
	gate.OnRefresh(c.refreshed)
	event.HandleText(c.ns, "subscribe", c.opts.EventBytes, c.subscribe)
	event.HandleText(c.ns, "unsubscribe", c.opts.EventBytes, c.unsubscribe)
	event.HandleValue(c.ns, "publish", c.opts.EventBytes, c.publish)
}

func (c *channels) subscribe(ctx context.Context, s *socketio.Socket, channel string) (event.Done, error) {
	if err := c.check(s, channel); err != nil {
		return event.Done{}, err
	}
	if err := event.Joinable(ctx, c.ns, "channel", channel, c.opts.NameBytes); err != nil {
		return event.Done{}, err
	}
	err := s.Join(channel)
	if errors.Is(err, socketio.ErrTooManyRooms) {
		return event.Done{}, errTooMany
	}
	event.Subscribed(ctx, c.ns, channel)
	return event.Done{OK: true}, err
}

// refreshed ends the subscriptions that a new token does not allow.
func (c *channels) refreshed(s *socketio.Socket) {
	if s.Namespace() != c.ns {
		return
	}
	for _, channel := range s.Rooms() {
		if c.check(s, channel) == errClaim {
			s.Leave(channel)
		}
	}
}

// unsubscribe takes any channel, whatever the token allows.
func (c *channels) unsubscribe(_ context.Context, s *socketio.Socket, channel string) (event.Done, error) {
	if err := c.name(channel); err != nil {
		return event.Done{}, err
	}
	s.Leave(channel)
	return event.Done{OK: true}, nil
}

type publication struct {
	Channel string         `json:"channel"`
	Message socketio.Value `json:"message"` // passed on as it is
}

func (c *channels) publish(ctx context.Context, s *socketio.Socket, payload socketio.Value) (event.Done, error) {
	var in publication
	if deeper(payload.Bytes(), depth) {
		return event.Done{}, errDeep
	}
	if payload.Bytes()[0] != '{' || payload.Decode(&in) != nil {
		return event.Done{}, event.Invalid("The payload of publish must be an object with a channel and a message.")
	}
	if err := c.check(s, in.Channel); err != nil {
		return event.Done{}, err
	}
	if string(in.Message.Bytes()) == "null" {
		return event.Done{}, errMessage
	}
	to := c.ns.In(in.Channel)
	if socketio.HasAck(ctx) {
		to = s.To(in.Channel) // who gets an acknowledgement gets no echo
	}
	return event.Done{OK: true}, to.Emit("message", in.Message)
}

// check reports why a client may not have to do with a channel.
func (c *channels) check(s *socketio.Socket, channel string) error {
	if err := c.name(channel); err != nil {
		return err
	}
	p, known := identity.Of(s)
	if !known || p.Channels == nil {
		return nil
	}
	if !slices.ContainsFunc(p.Channels, func(pattern string) bool { return match(pattern, channel) }) {
		return errClaim
	}
	return nil
}

func (c *channels) name(channel string) error {
	return event.Room("channel", channel, c.opts.NameBytes, event.SocketOf(c.ns))
}
