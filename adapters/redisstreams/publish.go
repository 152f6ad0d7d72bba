package redisstreams

import (
	"context"

	"parley/adapters/cluster"
)

// Publish sends a message that wants no answer to all servers of its namespace, whether
// or not this process has it, and returns when Redis has taken it. It is for emitters,
// which fill in Kind, Namespace, From and what belongs to the kind.
func (c *Cluster) Publish(ctx context.Context, m *cluster.Message) error {
	e, err := c.wire.Entry(m)
	if err != nil {
		return err
	}
	index, _ := c.wire.Index(m.Namespace, c.opts.StreamCount)
	b := &bus{c: c, stream: c.streams[index]}
	taken := make(chan error, 1)
	if err := b.store(e, "", func(err error) { taken <- err }); err != nil {
		return err
	}
	select {
	case err := <-taken:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
