package redisconn_test

import (
	"errors"
	"testing"

	"parley/adapters/redisconn"
	"parley/adapters/redisconn/redistest"
)

func BenchmarkPublishAndReceive(b *testing.B) {
	s := redistest.Start(b)
	c := redisconn.New(s.Client(b), nil)
	defer c.Close(b.Context())
	sub := c.Subscribe(redisconn.SubOptions{Channel: "ch", Handler: func(string, []byte) error { return nil }})
	if err := sub.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 123)
	b.ReportAllocs()
	for b.Loop() {
		err := c.Publish("ch", nil, "publish", "ch", payload)
		if errors.Is(err, redisconn.ErrQueueFull) {
			err = c.Flush(b.Context(), "ch")
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := c.Sync(b.Context(), sub); err != nil {
		b.Fatal(err)
	}
}
