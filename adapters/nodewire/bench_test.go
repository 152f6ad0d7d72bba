package nodewire

import "testing"

func BenchmarkBroadcast(b *testing.B) {
	m := broadcast(`{"id":1017,"from":"ann","text":"hello world, how are you today?","at":1795342780190}`)
	m.Selection.Rooms = []string{"room1"}
	for name, wire := range wires() {
		data, err := wire.broadcast(nil, m)
		if err != nil {
			b.Fatal(err)
		}
		var buf []byte
		b.Run(name+"/append", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = wire.broadcast(buf[:0], m)
			}
		})
		b.Run(name+"/parse", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wire.parseBroadcast(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
