package redis

import (
	"testing"

	"parley/adapters/redisconn/redistest"
	"parley/namespaces/documents"
	"parley/namespaces/documents/ot"
)

// BenchmarkSubmit has many people edit one document on one node.
func BenchmarkSubmit(b *testing.B) {
	store := open(b, connect(b, redistest.Start(b)), nil).Documents(nil)
	at, text := 0, "x"
	insert, remove := ot.Operation{Type: ot.Insert, Position: &at, Text: &text}, ot.Operation{Type: ot.Delete, From: &at, To: new(int)}
	*remove.To = 1
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			draft := documents.Draft{Operation: insert}
			if i%2 == 1 {
				draft.Operation = remove
			}
			if _, err := store.Submit(b.Context(), "doc", draft, func(documents.Change) {}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
