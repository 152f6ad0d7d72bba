package plain

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"parley/namespaces/event"
)

// Options configure a Hub. Zero means the default.
type Options struct {
	Logger *slog.Logger // nil: silent
	Bus    Bus          // to the hubs of other servers; nil: there are none
	Rate   Rate         // of the messages of each user; nil: as often as they like

	PingInterval time.Duration // between two pings; 30 s
	Silence      time.Duration // who has not sent anything for so long is closed; 75 s
	WriteTimeout time.Duration // for a client to take one message; 10 s

	Content       int // UTF-16 code units of one message, as JavaScript counts; 1000
	EventBytes    int // one message from a client, as JSON; a larger one is an error; 10240
	HardBytes     int // who sends a larger one is closed; 1,000,000
	MessageRate   int // messages and pings of a client that are read in a second; it waits with the others; 50
	MessageBurst  int // of them at once; 100
	QueueMessages int // messages that wait to be sent to a client; who is slower is cut off; 256
	Clients       int // at one time; 10,000
}

// A Rate limits how often a user writes, over all of their connections.
type Rate interface {
	// Take counts one message of a user. An error of type *socketio.Error is what
	// the client hears, and the message goes nowhere.
	Take(ctx context.Context, userID string) (undo func(), err error)
}

// A Bus carries messages between the hubs of several servers.
type Bus interface {
	// Publish sends a message to the hubs of all other servers. It must not block, nor
	// change the message.
	Publish(message []byte) error
	// Subscribe has f called with each message of other hubs, one after the other,
	// until stop is called, which waits for a call that is under way.
	Subscribe(f func(message []byte)) (stop func())
}

// A Roll is a Bus that knows the clients of all servers, so that the others hear of those
// whose server has died.
type Roll interface {
	Bus
	// Watch sets what is called for each of them, on one of the servers that are left. It
	// is called once, before Enter.
	Watch(gone func(userID string))
	// Enter notes a client of this server until leave is called, which has both functions of gone called, once
	// each: those of this server hear at once or, if it cannot be known, a moment later, the others when the Roll is
	// sure that nobody else has told them; if somebody has told all, neither is called. Enter does not block.
	Enter(userID string, gone Gone) (leave func())
}

// Gone tells that a client has gone.
type Gone struct {
	Here      func() // tells the clients of this server
	Elsewhere func() // tells those of the others
}

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
	fill("PingInterval", &c.PingInterval, 30*time.Second)
	fill("Silence", &c.Silence, 75*time.Second)
	fill("WriteTimeout", &c.WriteTimeout, 10*time.Second)
	fill("Content", &c.Content, 1000)
	fill("EventBytes", &c.EventBytes, event.MaxBytes)
	fill("HardBytes", &c.HardBytes, 1_000_000)
	fill("MessageRate", &c.MessageRate, 50)
	fill("MessageBurst", &c.MessageBurst, 100)
	fill("QueueMessages", &c.QueueMessages, 256)
	fill("Clients", &c.Clients, 10_000)
	if c.HardBytes < c.EventBytes {
		panic("plain: Options.HardBytes is below EventBytes")
	}
	return c
}

func fill[T int | time.Duration](name string, field *T, fallback T) {
	if *field < 0 {
		panic(fmt.Sprintf("plain: Options.%s is negative", name))
	}
	if *field == 0 {
		*field = fallback
	}
}
