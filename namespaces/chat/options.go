package chat

import (
	"log/slog"
	"time"

	"parley/namespaces/event"
	"parley/namespaces/limits"
)

// Options are the limits of the namespace and the place of its state. Zero means the default.
type Options struct {
	Store  Store        // NewMemory if nil
	Keeper Keeper       // what the Store in memory keeps over a restart is here; nothing is if nil
	Logger *slog.Logger // nil: silent
	Rate   limits.Rate  // how often a user may send a message to rooms; nil: no limit
	// DirectRate is how often a user may send a direct message, which does not count as one to a room; nil: no limit.
	DirectRate limits.Rate

	// Recovery is how long a client that lost its connection may be away and still be in its rooms, of which it then gets what
	// it missed. Not at all if zero.
	Recovery time.Duration
	// Grace is how long the others see such a client in the rooms; if it is away for longer they read that it has left, and
	// that it joined when it comes back. 5 s, but no longer than Recovery.
	Grace time.Duration

	Content    int // UTF-16 code units of one message, as JavaScript counts; 1000
	EventBytes int // JSON of one event; 10240
	NameBytes  int // a room id, user id, user name, client id or room name; 250

	History        int // messages that a room in memory keeps; 100
	JoinHistory    int // messages that a join brings, and a page of history when the client names no limit; 50
	HistoryPage    int // messages that one page of history may hold; 100
	RoomsPerSocket int // rooms that one connection is in; 128. socketio.Options.MaxRooms must be larger: a user has a room too
	RoomsPerUser   int // rooms that one user has made with create-room; 100
	Rooms          int // rooms in memory; 10000. The one that has been empty for longest makes way; one of create-room only if there is a Keeper
	ListedRooms    int // rooms that the list of rooms shows; 500
	ListedUsers    int // users of a room that a list of them shows; 1000
}

// WithDefaults returns a copy that has every limit set, for a Store. It panics on one that makes no sense.
func (o *Options) WithDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Recovery < 0 || c.Grace < 0 {
		panic("chat: Options.Recovery or Grace is negative")
	}
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	c.Grace = min(c.Grace, c.Recovery)
	event.SetLimits("chat", []event.Limit{
		{Name: "Content", Field: &c.Content, Default: 1000},
		{Name: "EventBytes", Field: &c.EventBytes, Default: 10 << 10},
		{Name: "NameBytes", Field: &c.NameBytes, Default: 250},
		{Name: "History", Field: &c.History, Default: 100},
		{Name: "JoinHistory", Field: &c.JoinHistory, Default: 50},
		{Name: "HistoryPage", Field: &c.HistoryPage, Default: 100},
		{Name: "RoomsPerSocket", Field: &c.RoomsPerSocket, Default: 128},
		{Name: "RoomsPerUser", Field: &c.RoomsPerUser, Default: 100},
		{Name: "Rooms", Field: &c.Rooms, Default: 10_000},
		{Name: "ListedRooms", Field: &c.ListedRooms, Default: 500},
		{Name: "ListedUsers", Field: &c.ListedUsers, Default: 1000},
	})
	return c
}
