package transport

import (
	"bytes"
	"testing"

	"parley/server/wire/eio"
)

func TestFrameOnAStream(t *testing.T) {
	for _, n := range sizes {
		data := bytes.Repeat([]byte("x"), n)
		for want, m := range map[*eio.Packet]Message{
			{Type: eio.Message, Data: data}:               Text(append(NewBuffer(n), data...)),
			{Type: eio.Message, Binary: true, Data: data}: Binary(data),
			{Type: eio.Ping, Data: data}:                  Control(eio.Ping, string(data)),
		} {
			before := bytes.Clone(m.Frame())
			for _, room := range []int{1, 2, 5, 100, 70_000, 2 << 20} {
				dst := make([]byte, room)
				k, rest := m.CopyStream(dst)
				if got := append(dst[:k:k], rest...); k == 0 || !bytes.Equal(got, want.AppendFrame(nil)) {
					t.Fatalf("%v with %d bytes, room for %d: bad frame %.20q", want.Type, n, room, got)
				}
			}
			if !bytes.Equal(before, m.Frame()) {
				t.Fatalf("%v with %d bytes: the shared frame was changed", want.Type, n)
			}
		}
	}
}
