package chat

import (
	"context"
	"errors"
	"sync"
)

// A post is a message on its way into a room.
type post struct {
	draft   Draft
	publish func(Message)

	// Guarded by the room's mu.
	done  bool
	fresh bool // not sent before
	msg   Message
	err   error
}

// errGone: the room has left the store since it was looked up.
var errGone = errors.New("chat: the room is gone")

// posts are those that wait for their room. The first to get the room's lock takes all of them along, so that they wait
// for the disk together.
type posts struct {
	mu   sync.Mutex
	list []*post
}

func (w *posts) add(p *post) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, p)
}

func (w *posts) take() []*post {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.list
	w.list = nil
	return list
}

func (m *memory) Append(_ context.Context, id string, d Draft, publish func(Message)) (Message, error) {
	for {
		m.mu.Lock()
		r, ok := m.rooms.get(id)
		m.mu.Unlock()
		if !ok {
			return Message{}, ErrNoRoom
		}
		p := &post{draft: d, publish: publish}
		r.posts.add(p)
		r.mu.Lock()
		if !p.done {
			m.post(r, r.posts.take())
		}
		r.mu.Unlock()
		if p.err != errGone {
			return p.msg, p.err
		}
	}
}

// post puts messages into a room and publishes them. The room is locked.
func (m *memory) post(r *room, list []*post) {
	var messages []Message
	for _, p := range list {
		p.done = true
		if r.gone {
			p.err = errGone
		} else if first, ok := sent(r.history, p.draft); ok {
			p.msg = first
		} else if first, ok := sent(messages, p.draft); ok {
			p.msg = first
		} else {
			p.fresh = true
			p.msg = Message{RoomID: r.id, UserID: p.draft.From.UserID, Username: p.draft.From.Username, Content: p.draft.Content, ClientID: p.draft.ClientID}
			p.msg.ID, p.msg.Timestamp = m.ids.Next()
			messages = append(messages, p.msg)
		}
	}
	if err := m.keep(r, messages); err != nil {
		for _, p := range list {
			p.msg, p.err = Message{}, err
		}
		return
	}
	for _, p := range list {
		if p.fresh {
			r.remember(p.msg, m.opts.History)
			p.publish(p.msg)
		}
	}
}

// sent finds the message that a user has sent with a client id before.
func sent(messages []Message, d Draft) (Message, bool) {
	if d.ClientID == "" {
		return Message{}, false
	}
	for i := len(messages) - 1; i >= 0; i-- {
		if m := &messages[i]; m.ClientID == d.ClientID && m.UserID == d.From.UserID {
			return *m, true
		}
	}
	return Message{}, false
}
