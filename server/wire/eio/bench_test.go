package eio

import (
	"bytes"
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	binary := Packet{Type: Message, Binary: true, Data: bytes.Repeat([]byte{0xab}, 1024)}
	for _, bench := range []struct {
		name string
		text []byte
	}{
		{"text", []byte(`42["echo",{"x":1,"text":"hello world"}]`)},
		{"1 KB base64", binary.AppendText(nil)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bench.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendText(b *testing.B) {
	p := Packet{Type: Message, Data: []byte(`2["echo",{"x":1,"text":"hello world"}]`)}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = p.AppendText(buf[:0])
	}
}

func BenchmarkPayload(b *testing.B) {
	body := []byte(strings.Repeat("42[\"echo\",{\"x\":1,\"text\":\"hello world\"}]\x1e", 9) + "2")
	b.ReportAllocs()
	for b.Loop() {
		payload := NewPayload(body, 100)
		for {
			_, ok, err := payload.Next()
			if err != nil {
				b.Fatal(err)
			}
			if !ok {
				break
			}
		}
	}
}

func BenchmarkHandshake(b *testing.B) {
	h := Handshake{SID: "lv_VI97HAXpY6yYWAAAC", Upgrades: []string{"websocket"}, PingInterval: 25e9, PingTimeout: 20e9, MaxPayload: 1e6}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = h.Append(buf[:0])
	}
}
