package documents

import (
	"fmt"
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
	PerSocket  int // documents that one connection has open; 32
}

// What is there from the start.
const (
	firstDocument = "doc-1"
	firstContent  = "Initial content"
	firstVersion  = 1
)

// withDefaults returns a copy that has every limit set. It panics on one that
// makes no sense.
func (o *Options) withDefaults() Options {
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
	for _, f := range []struct {
		name  string
		field *int
		value int
	}{
		{"EventBytes", &c.EventBytes, event.MaxBytes},
		{"NameBytes", &c.NameBytes, identity.MaxName},
		{"Operations", &c.Operations, 1000},
		{"Length", &c.Length, 1_000_000},
		{"Documents", &c.Documents, 10_000},
		{"PerSocket", &c.PerSocket, 32},
	} {
		if *f.field < 0 {
			panic(fmt.Sprintf("documents: Options.%s is negative", f.name))
		}
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return c
}
