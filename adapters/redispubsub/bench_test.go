package redispubsub_test

import (
	"testing"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/server/adapter"
)

// BenchmarkBroadcast is one event from one server to another, by way of Redis.
func BenchmarkBroadcast(b *testing.B) {
	for name, opts := range map[string]redispubsub.Options{"classic": {}, "sharded": {Wire: redispubsub.Sharded}} {
		b.Run(name, func(b *testing.B) {
			server := redistest.Start(b)
			opts := opts
			here, there := open(b, server.Client(b), &opts), open(b, server.Client(b), &opts)
			from, s := newStage("/"), newStage("/")
			s.got = nil // nobody looks
			sender, _ := here.Adapter(from)
			receiver, _ := there.Adapter(s)
			defer sender.Close(b.Context())
			defer receiver.Close(b.Context())
			s.enter(receiver, "red")
			if err := there.Sync(b.Context(), "/", "red"); err != nil {
				b.Fatal(err)
			}
			p := event(`["message",{"user":"ann","text":"twelve words that somebody may have typed into a box, at last"}]`)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if err := sender.Broadcast(p, to("red"), adapter.Flags{}); err != nil {
					b.Fatal(err)
				}
				if n%1000 == 999 { // not more than the queues hold
					if err := here.Sync(b.Context(), "/"); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := there.Sync(b.Context(), "/", "red"); err != nil {
				b.Fatal(err)
			}
		})
	}
}
