package redispubsub

import (
	"fmt"
	"strings"

	"parley/adapters/cluster"
	"parley/adapters/nodewire"
)

// A form is what one wire does with the messages of a namespace. Its errors say that a
// message cannot be written, or is none.
type form interface {
	// write appends a message and returns its channel; with narrow it is a broadcast
	// to one room, which may have a channel.
	write(dst []byte, m *cluster.Message, narrow bool) (data []byte, channel string, err error)
	// read reads what has come on a channel.
	read(channel string, data []byte) (cluster.Message, error)
	// wants reports whether a room is to have a channel.
	wants(own bool) bool
}

// startsAs makes sure that what was written is what Node tells apart by its first byte.
// There, anything else could end the process.
func startsAs(data []byte, starts ...byte) error {
	for _, b := range starts {
		if len(data) > 0 && data[0] == b {
			return nil
		}
	}
	return fmt.Errorf("redispubsub: message of an impossible form")
}

// The first bytes of messages: JSON objects, and MessagePack arrays and maps of a size.
const (
	object   = '{'
	array3   = 0x93
	map2     = 0x82
	map3     = 0x83
	envelope = 0x84
	request  = 0x85
)

// classic is the form of createAdapter.
type classic struct {
	channels
	id        string
	own       string // the channel of answers to this server
	namespace string
	patterns  bool
	hasRoom   func(name string) bool
	codec     nodewire.Classic
}

func (c *classic) write(dst []byte, m *cluster.Message, narrow bool) (data []byte, channel string, err error) {
	begin := len(dst)
	switch {
	case m.Kind.IsAnswer():
		if channel = c.shared; m.To != "" {
			channel = c.answersTo(m.To)
		}
		if data, err = c.codec.AppendAnswer(dst, m); err == nil {
			err = startsAs(data[begin:], object, map2, map3)
		}
	case m.Kind == cluster.Broadcast && m.Request == "":
		if channel = c.base; narrow {
			channel = c.room(m.Selection.Rooms[0])
		}
		if data, err = c.codec.AppendBroadcast(dst, m); err == nil {
			err = startsAs(data[begin:], array3)
		}
	default:
		channel = c.counted
		if data, err = c.codec.AppendRequest(dst, m); err == nil {
			err = startsAs(data[begin:], object, request)
		}
	}
	return data, channel, err
}

func (c *classic) read(channel string, data []byte) (m cluster.Message, err error) {
	switch channel {
	case c.counted:
		if m, err = c.codec.ParseRequest(data); m.Kind == cluster.ServerSide {
			m.Payload = c.codec.Limits.Revive(m.Payload)
		}
	case c.shared, c.own:
		if m, err = c.codec.ParseAnswer(data); m.Kind == cluster.Reply {
			m.Payload = c.codec.Limits.Revive(m.Payload)
		}
		m.From = "" // most answers do not tell
	default:
		if string(c.codec.From(data)) == c.id || c.patterns && !c.concerns(channel) {
			return cluster.Message{}, nil // need not be read
		}
		m, err = c.codec.ParseBroadcast(data)
	}
	if err == nil && m.Namespace == "" {
		m.Namespace = c.namespace // the channel's
	}
	return m, err
}

// concerns reports whether a channel of broadcasts is for somebody here.
func (c *classic) concerns(channel string) bool {
	room, ok := strings.CutPrefix(channel, c.base)
	if !ok || room == "" {
		return ok
	}
	room, ok = strings.CutSuffix(room, "#")
	return ok && c.hasRoom(room)
}

func (c *classic) wants(bool) bool { return !c.patterns }

// sharded is the form of createShardedAdapter.
type sharded struct {
	channels
	receive, send Mode
	codec         nodewire.Sharded
}

func (s *sharded) write(dst []byte, m *cluster.Message, narrow bool) (data []byte, channel string, err error) {
	channel = s.base
	switch {
	case m.Kind.IsAnswer():
		channel = s.answersTo(m.To)
	case narrow:
		room := m.Selection.Rooms[0]
		if s.send == DynamicPrivate || s.send == Dynamic && !private(m.Namespace, room) {
			channel = s.room(room)
		}
	}
	begin := len(dst)
	if data, err = s.codec.Append(dst, m); err == nil {
		err = startsAs(data[begin:], object, envelope)
	}
	return data, channel, err
}

func (s *sharded) read(_ string, data []byte) (cluster.Message, error) { return s.codec.Parse(data) }

func (s *sharded) wants(own bool) bool {
	return s.receive == DynamicPrivate || s.receive == Dynamic && !own
}
