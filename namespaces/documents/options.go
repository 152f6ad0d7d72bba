package documents

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
	Keeper Keeper       // what the Store in memory keeps over a restart is here; nothing is if nil
	Logger *slog.Logger // nil: silent

	// Recovery is how long a client that lost its connection may be away and still have its documents open, for itself, which
	// then gets what it missed, and for the others. Not at all if zero.
	Recovery time.Duration

	EventBytes int // JSON of one event; 10240
	NameBytes  int // a document id, user id or user name; 250
	Operations int // newest operations that a document keeps, for clients that are behind; 1000
	Length     int // UTF-16 code units of a document; 1,000,000
	Documents  int // documents in memory; 10000. With a Keeper one that nobody has open makes way
	Kept       int // documents with a text of their own that a Store outside of the process keeps; 100,000
	PerSocket  int // documents that one connection has open; 32
}

// What is there from the start.
const (
	firstDocument = "doc-1"
	firstContent  = "Initial content"
	firstVersion  = 1
)

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
		panic("documents: Options.Recovery is negative")
	}
	event.SetLimits("documents", []event.Limit{
		{Name: "EventBytes", Field: &c.EventBytes, Default: event.MaxBytes},
		{Name: "NameBytes", Field: &c.NameBytes, Default: identity.MaxName},
		{Name: "Operations", Field: &c.Operations, Default: 1000},
		{Name: "Length", Field: &c.Length, Default: 1_000_000},
		{Name: "Documents", Field: &c.Documents, Default: 10_000},
		{Name: "Kept", Field: &c.Kept, Default: 100_000},
		{Name: "PerSocket", Field: &c.PerSocket, Default: 32},
	})
	return c
}
