package redisstreams

import (
	"strconv"

	"parley/adapters/cluster"
	"parley/adapters/nodewire"
	"parley/server/adapter"
)

// The fields of an entry besides Node's, which ignores them.
const (
	fieldRef       = "ref" // by which the server that sent it knows it again
	fieldSignature = "mac"
	fieldNote      = "parley" // an entry that is none of Node's, and what it says
	noteBegin      = "begin"
	noteLost       = "lost" // the namespace of field of has had events without a place
	fieldOf        = "of"
)

// store queues an entry.
func (b *bus) store(e nodewire.Entry, ref string, done func(error)) error {
	args := make([]any, 0, 18)
	args = append(args, "XADD", b.stream.name, "MAXLEN", "~", b.c.opts.MaxLen, "*",
		"uid", e.UID, "nsp", e.Namespace, "type", e.Type, "data", e.Data)
	if ref != "" {
		args = append(args, fieldRef, ref)
	}
	if b.c.opts.Secret != nil {
		args = append(args, fieldSignature, b.c.opts.signEntry(b.stream.name, e.UID, e.Namespace, e.Type, string(e.Data), ref))
	}
	return b.c.conn.Publish(b.stream.name, done, args...)
}

// storeLost queues an entry that tells all that the namespace has had events without a
// place.
func (b *bus) storeLost(done func(error)) error { return b.storeLostBy(b.id, done) }

// storeLostBy is storeLost on behalf of a server that has noted the loss already; none if
// it is for all.
func (b *bus) storeLostBy(id string, done func(error)) error {
	args := []any{"XADD", b.stream.name, "MAXLEN", "~", b.c.opts.MaxLen, "*", fieldNote, noteLost, fieldOf, b.namespace, "by", id}
	if b.c.opts.Secret != nil {
		args = append(args, fieldSignature, b.c.opts.signEntry(b.stream.name, noteLost, b.namespace, id))
	}
	return b.c.conn.Publish(b.stream.name, done, args...)
}

// handle acts on an entry.
func (c *Cluster) handle(s *stream, at id, values map[string]any) error {
	field := func(name string) string {
		text, _ := values[name].(string)
		return text
	}
	if note := field(fieldNote); note != "" {
		return c.heed(s, at, note, field)
	}
	e := nodewire.Entry{UID: field("uid"), Namespace: field("nsp"), Type: field("type"), Data: []byte(field("data"))}
	if e.Namespace == "" {
		return nil // as in Node
	}
	b := c.bus(e.Namespace)
	if b == nil {
		return nil
	}
	if !c.opts.verifyEntry(field(fieldSignature), s.name, e.UID, e.Namespace, e.Type, string(e.Data), field(fieldRef)) {
		return errSignature
	}
	if e.UID == b.id {
		if ref := field(fieldRef); ref != "" {
			s.news = true
			n, _ := strconv.ParseUint(ref, 36, 64)
			b.log.came(n, at, s.more)
		}
		return nil
	}
	s.news = true
	m, kept, err := c.wire.ParseEntry(e)
	if err != nil {
		return err
	}
	if kept && s == b.stream && b.log.enabled() {
		return b.log.foreign(event(&m), at, s.more)
	}
	if m.Kind != cluster.Broadcast {
		return b.receive(&m)
	}
	b.together(s.more, func() { err = b.receive(&m) })
	return err
}

// together calls f, which delivers an event. Where no more have come with it, this goroutine writes too
// what goes to clients.
func (b *bus) together(more bool, f func()) {
	if more {
		f()
	} else {
		b.local.Together(f)
	}
}

// heed acts on a note.
func (c *Cluster) heed(s *stream, at id, note string, field func(string) string) error {
	s.news = true
	b := c.bus(field(fieldOf))
	if note != noteLost || b == nil || s != b.stream {
		return nil
	}
	by := field("by")
	if !c.opts.verifyEntry(field(fieldSignature), s.name, noteLost, b.namespace, by) {
		return errSignature
	}
	switch by {
	case b.id:
		b.log.back()
	case "":
		b.log.lose()
		b.act(b.local.Unsent)
	default:
		b.missed()
	}
	return nil
}

// event is a broadcast as recovery has it.
func event(m *cluster.Message) adapter.Event {
	return adapter.Event{Payload: m.Payload, Selection: m.Selection, Uncompressed: m.Flags.Uncompressed}
}
