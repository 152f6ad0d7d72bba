package notifications

import (
	"log/slog"
	"time"

	"parley/namespaces/event"
	"parley/namespaces/identity"
)

// Options are the limits of the namespace and the place of its state. Zero means
// the default.
type Options struct {
	Store  Store        // NewMemory if nil
	Keeper Keeper       // for NewMemory, of one Store at a time; nil: nothing is kept over a restart
	Logger *slog.Logger // nil: silent

	// Recovery is how long a client that lost its connection may be away and get
	// what it missed when it comes back. Not at all if zero: what was sent to the
	// user is in the list all the same.
	Recovery time.Duration

	EventBytes int // JSON of one event from a client, or of the data of a notification; 10240
	BodyBytes  int // body of an HTTP request; 65536
	NameBytes  int // a user id, room id or notification id; 250
	Recipients int // users that one call names; 1000
	Kept       int // newest notifications that each user has; 1000
	Page       int // notifications that one page of a list may hold; 100
	PageBytes  int // a page of a list, which is cut short before it is larger; 262,144
	Users      int // users in memory; those who are connected are never forgotten; 100,000
	Bytes      int // notifications in memory, what everybody gets counted for each user; 256 MiB

	// Idle is how long a Store outside of the process, which Users and Bytes do not bound,
	// keeps the list of a user who neither comes nor is told anything. 90 days.
	Idle time.Duration
}

// page is how many notifications list brings when the client names no limit.
const page = 50

// WithDefaults returns a copy that has every limit set, for a Store. It panics on one
// that makes no sense. Nil are the defaults.
func (o *Options) WithDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Recovery < 0 {
		panic("notifications: Options.Recovery is negative")
	}
	if c.Idle < 0 {
		panic("notifications: Options.Idle is negative")
	}
	if c.Idle == 0 {
		c.Idle = 90 * 24 * time.Hour
	}
	event.SetLimits("notifications", []event.Limit{
		{Name: "EventBytes", Field: &c.EventBytes, Default: event.MaxBytes},
		{Name: "BodyBytes", Field: &c.BodyBytes, Default: 64 << 10},
		{Name: "NameBytes", Field: &c.NameBytes, Default: identity.MaxName},
		{Name: "Recipients", Field: &c.Recipients, Default: 1000},
		{Name: "Kept", Field: &c.Kept, Default: 1000},
		{Name: "Page", Field: &c.Page, Default: 100},
		{Name: "PageBytes", Field: &c.PageBytes, Default: 256 << 10},
		{Name: "Users", Field: &c.Users, Default: 100_000},
		{Name: "Bytes", Field: &c.Bytes, Default: 256 << 20},
	})
	return c
}
