package chat

import (
	"context"
	"errors"
	"fmt"
)

// A User is who a person is, in every room and on every device.
type User struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
}

// A Message is one line of a room, as clients and stores see it.
type Message struct {
	ID        string `json:"id"`
	RoomID    string `json:"roomId"`
	UserID    string `json:"userId"`
	Username  string `json:"username"`
	Content   string `json:"content"`
	Timestamp string `json:"timestamp"`
	ClientID  string `json:"clientId,omitzero"`
}

// A Room is what the list of rooms says about one of them.
type Room struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	UserCount int    `json:"userCount"`
	CreatedAt string `json:"createdAt"`
}

// A Draft is a message before the store has given it its place in the room.
type Draft struct {
	From     User
	Content  string
	ClientID string // the client's own id for the message, or empty
}

// Entered is the state of a room at the moment a socket came in.
type Entered struct {
	Room     Room
	Users    []User    // in the order they came; the one who entered is always among them
	Messages []Message // the newest, oldest first
	First    bool      // no other socket of the user was in the room
}

// A Page is a piece of a room's history, oldest first.
type Page struct {
	Messages []Message
	More     bool // the store has older ones
}

// A Store keeps rooms, their history and who is in them. It alone decides the order of what happens in a room.
//
// A publish function tells clients about one change. The store calls it before it publishes any later change of the same
// room, so clients see changes in the room's order; it is called at most once, only on success, before the method returns.
// It must neither block nor call the store.
type Store interface {
	// Enter puts a socket of u into a room, and makes the room, with u as its creator, if there is none.
	Enter(ctx context.Context, room, socket string, u User, publish func(Entered)) (Entered, error)
	// Leave takes a socket out of a room. It publishes when it was the user's last one there.
	Leave(ctx context.Context, room, socket string, publish func(User)) error
	// Append adds a message to a room's history. When the same user's ClientID is already in the history, it returns that
	// message and publishes nothing. ErrNoRoom if the room is gone.
	Append(ctx context.Context, room string, d Draft, publish func(Message)) (Message, error)
	// History returns up to limit messages that are older than the id before, or the newest if before is empty.
	History(ctx context.Context, room, before string, limit int) (Page, error)

	// Create makes a room with an id of its own, which stays until it is deleted.
	Create(ctx context.Context, name string, creator User) (Room, error)
	// Delete removes a room and publishes which sockets were in it. ErrNoRoom, or ErrNotCreator.
	Delete(ctx context.Context, room, userID string, publish func(sockets []string)) error
	// Rooms lists up to limit rooms, those with most users first.
	Rooms(ctx context.Context, limit int) (rooms []Room, more bool, err error)

	// Arrive and Depart count the sockets of a user, Online says whether there are any.
	Arrive(ctx context.Context, userID, socket string) error
	Depart(ctx context.Context, userID, socket string) error
	Online(ctx context.Context, userID string) (bool, error)
}

// A Watched is a Store that by itself takes users out of rooms, and puts them back: those of a server that is dead, and those of
// one that was taken for dead.
type Watched interface {
	Store
	// Watch sets what is called then, as a publish function is. It is called once, before the Store is used.
	Watch(left func(room string, u User), joined func(room, socket string, u User))
}

// What a Store answers besides its own trouble.
var (
	ErrNoRoom     = errors.New("chat: no such room")
	ErrNotCreator = errors.New("chat: only its creator may delete a room")
)

// A LimitError says which limit of a Store is reached. Its text is fit for clients.
type LimitError struct {
	What string
	Max  int
}

func (e *LimitError) Error() string { return fmt.Sprintf("%s. Maximum %d.", e.What, e.Max) }
