package redis

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"

	"parley/namespaces/chat"
)

var scriptAppend = script("chat_append")

// A post is a message on its way into a room.
type post struct {
	draft   chat.Draft
	publish func(chat.Message)

	done chan struct{} // closed when what follows is known
	msg  chat.Message
	err  error
}

// posts are those that wait for the turn of their room. The first who has it takes all of
// them along in one script.
type posts struct {
	unsure recent // ids of messages that may be kept and that nobody has seen
	lost   recent // ids of messages of which it has been told that they may not have been published

	mu      sync.Mutex         // guards what follows
	waiting map[string][]*post // by room
}

const (
	maxPosts  = 100    // that one script adds
	maxUnsure = 10_000 // in doubt, or told
)

// doubt notes that it is not known what became of messages. A client that hears of an error sends
// its message again.
func (w *posts) doubt(list []*post) {
	for _, p := range list {
		if p.draft.ClientID != "" {
			w.unsure.add(p.msg.ID)
		}
	}
}

func (w *posts) add(room string, p *post) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[room] = append(w.waiting[room], p)
}

func (w *posts) take(room string) []*post {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.waiting[room]
	if len(list) > maxPosts {
		w.waiting[room] = list[maxPosts:]
		return list[:maxPosts:maxPosts]
	}
	delete(w.waiting, room)
	return list
}

// withdraw takes back a post that nobody has taken along.
func (w *posts) withdraw(room string, p *post) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.waiting[room]
	for i := range list {
		if list[i] == p {
			if w.waiting[room] = append(list[:i:i], list[i+1:]...); len(list) == 1 {
				delete(w.waiting, room)
			}
			return true
		}
	}
	return false
}

func (c *chatStore) Append(ctx context.Context, room string, d chat.Draft, publish func(chat.Message)) (chat.Message, error) {
	p := &post{draft: d, publish: publish, done: make(chan struct{})}
	c.posts.add(room, p)
	err := c.db.turns.do(ctx, c.turn(room), false, func(ctx context.Context, h *hold) error {
		for {
			select {
			case <-p.done:
				return nil
			default:
				c.post(ctx, h, room, c.posts.take(room))
			}
		}
	})
	if err != nil && c.posts.withdraw(room, p) {
		return chat.Message{}, err
	}
	<-p.done // whoever took it along is bound to end
	if p.err == nil && c.db.opts.Flush != nil {
		ctx, done := c.db.bounded(context.WithoutCancel(ctx))
		defer done()
		if err := c.db.opts.Flush(ctx, c.turn(room).namespace, room); err != nil {
			return chat.Message{}, unavailable(err)
		}
	}
	return p.msg, p.err
}

// post puts messages into a room and publishes those that are new.
func (c *chatStore) post(ctx context.Context, h *hold, room string, list []*post) {
	sent, err := c.write(ctx, room, list)
	if err == nil {
		h.regain(ctx) // without it, better out of order than not at all
	} else if errors.Is(err, errUnavailable) {
		c.posts.doubt(list)
	}
	for i, p := range list {
		p.err = err
		fresh := err == nil && sent[i] == ""
		if err == nil && !fresh {
			p.err = unavailable(json.Unmarshal([]byte(sent[i]), &p.msg))
			fresh = p.err == nil && c.posts.unsure.remove(p.msg.ID) // it is in doubt no more
			if p.err == nil && !fresh && !c.ids.Own(p.msg.ID) {
				p.err = c.tellLost(ctx, p.msg.ID)
			}
		}
		if fresh {
			p.publish(p.msg)
		}
		if p.err != nil {
			p.msg = chat.Message{}
		}
		close(p.done)
	}
}

// tellLost has no client recover that may have missed a message which another node has kept:
// whether it was published nobody knows. Once is enough, however often the message is sent again.
func (c *chatStore) tellLost(ctx context.Context, id string) error {
	if c.db.opts.Lost == nil || c.posts.lost.has(id) {
		return nil
	}
	if err := c.db.opts.Lost(ctx, c.turn("").namespace); err != nil {
		return unavailable(err)
	}
	c.posts.lost.add(id)
	return nil
}

// write is chat_append. It returns, for each message, the one that was sent before in its place.
func (c *chatStore) write(ctx context.Context, room string, list []*post) (sent []string, err error) {
	for {
		args := []any{c.opts.History}
		for _, p := range list {
			p.msg = chat.Message{RoomID: room, UserID: p.draft.From.UserID, Username: p.draft.From.Username, Content: p.draft.Content, ClientID: p.draft.ClientID}
			p.msg.ID, p.msg.Timestamp = c.ids.Next()
			text, err := json.Marshal(p.msg)
			if err != nil {
				return nil, err
			}
			args = append(args, p.msg.ID, sentKey(p.draft), text)
		}
		v, err := c.db.run(ctx, scriptAppend, c.keys(room, "room", "messages", "keys", "sent"), args...)
		if err != nil {
			return nil, err
		}
		switch r := (reply{v}); r.at(0).int() {
		case 0:
			return nil, chat.ErrNoRoom
		case 1:
			c.ids.Past(r.at(1).text()) // another node's clock is ahead
		default:
			return r.at(1).texts(), nil
		}
	}
}

// sentKey is by what a message is known if it is sent again, or empty.
func sentKey(d chat.Draft) string {
	if d.ClientID == "" {
		return ""
	}
	return strconv.Itoa(len(d.From.UserID)) + " " + d.From.UserID + d.ClientID
}
