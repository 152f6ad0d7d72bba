package main

import (
	"io"
	"time"
)

// writeStats writes what is known of Redis and of the other nodes; where there is none, nothing.
func (s *shared) writeStats(w io.Writer) {
	if s == nil {
		return
	}
	h := s.peers.Health()
	up := 0.0
	if s.ready() {
		up = 1
	}
	writeFigures(w, []figure{
		{"parley_redis_up", "gauge", "Whether Redis takes writes and messages go both ways.", up},
		{"parley_redis_write_seconds", "gauge", "Time that the newest write of a probe took.", time.Duration(s.watch.took.Load()).Seconds()},
		{"parley_redis_publish_seconds", "gauge", "Time that the newest probe took from publishing to receiving.", h.ProbeTime.Seconds()},
		{"parley_redis_reconnects_total", "counter", "Subscribed connections that were lost.", float64(h.Reconnects)},
		{"parley_redis_gaps_total", "counter", "Channels on which messages of other nodes may have been lost.", float64(h.Gaps)},
		{"parley_redis_channels", "gauge", "Channels subscribed.", float64(h.Channels)},
		{"parley_redis_queue_commands", "gauge", "Messages that wait for Redis.", float64(h.QueuedCommands)},
		{"parley_redis_queue_bytes", "gauge", "Bytes of these.", float64(h.QueuedBytes)},
		{"parley_redis_inbox_bytes", "gauge", "Bytes of messages of other nodes that wait to be handled.", float64(h.InboxBytes)},
		{"parley_redis_published_total", "counter", "Messages that Redis has taken.", float64(h.Published)},
		{"parley_redis_received_total", "counter", "Messages received from Redis.", float64(h.Received)},
		{"parley_redis_dropped_total", "counter", "Messages lost: the queue was full, they waited too long, Redis refused them, or handlers were too slow.",
			float64(h.Refused + h.Expired + h.Rejected + h.Overflowed)},
		{"parley_redis_unknown_total", "counter", "Messages of which nobody knows whether Redis has taken them, because the connection broke.", float64(h.Unknown)},
		{"parley_redis_bad_messages_total", "counter", "Messages of others that made no sense and were dropped.", float64(h.BadMessages)},
		{"parley_nodes", "gauge", "Servers in the cluster, Node's among them; 0 while it is not known.", float64(s.watch.nodes.Load())},
	})
}
