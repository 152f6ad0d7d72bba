package msgpack

import (
	"testing"

	"parley/server/wire/sio"
)

func BenchmarkPacket(b *testing.B) {
	for name, payload := range map[string]string{
		"small":  `["echo",{"x":1,"text":"hello world"}]`,
		"binary": `["upload",{"name":"a.png","body":{"_placeholder":true,"num":0}}]`,
	} {
		p := sio.Packet{Type: sio.Event, Namespace: "/", ID: 17, Data: []byte(payload)}
		attachments := [][]byte{make([]byte, 1000)}
		if name == "small" {
			attachments = nil
		}
		data, err := AppendPacket(nil, p, attachments)
		if err != nil {
			b.Fatal(err)
		}
		var buf []byte
		b.Run(name+"/append", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = AppendPacket(buf[:0], p, attachments)
			}
		})
		b.Run(name+"/parse", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p, _, err = Parse(data, buf[:0], sio.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
