package disk

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"parley/namespaces/chat"
)

// How many messages a second are kept, by how many people write at once, all in one room or each in their own.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ writers, rooms int }{{1, 1}, {100, 1}, {100, 100}} {
		b.Run(fmt.Sprintf("writers=%d/rooms=%d", c.writers, c.rooms), func(b *testing.B) {
			f, err := Open(filepath.Join(b.TempDir(), "data"), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			s := chat.NewMemory(&chat.Options{Keeper: f.Chat()})
			for r := range c.rooms {
				if _, err := s.Enter(context.Background(), fmt.Sprint(r), "s", ann, func(chat.Entered) {}); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			var all sync.WaitGroup
			for w := range c.writers {
				all.Go(func() {
					for i := w; i < b.N; i += c.writers {
						if _, err := s.Append(context.Background(), fmt.Sprint(w%c.rooms), chat.Draft{From: ann, Content: "hello, how are you?"}, func(chat.Message) {}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}
