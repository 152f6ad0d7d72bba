package redispubsub

import (
	"context"

	"parley/adapters/cluster"
)

// Publish sends a message that wants no answer to all servers of its namespace, whether
// or not this process has it, and returns when Redis has taken it. It is for emitters,
// which fill in Kind, Namespace, From and what belongs to the kind.
func (c *Cluster) Publish(ctx context.Context, m *cluster.Message) error {
	b := &bus{c: c, namespace: m.Namespace, id: m.From, channels: c.opts.channels(m.Namespace)}
	b.form = b.newForm(func(string) bool { return false })
	taken := make(chan error, 1)
	place := func(room string) string { return m.Namespace + "," + room } // no namespace has a comma
	narrow := false
	switch {
	case m.Kind == cluster.Join:
		for _, room := range m.Rooms {
			c.joined.add([]string{place(room)})
		}
	case m.Kind == cluster.Broadcast && len(m.Selection.Rooms) == 1:
		narrow = !c.joined.has(place(m.Selection.Rooms[0]))
	}
	if err := b.queue(m, narrow, func(err error) { taken <- err }); err != nil {
		return err
	}
	select {
	case err := <-taken:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
