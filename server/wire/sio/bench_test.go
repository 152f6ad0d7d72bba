package sio

import (
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	for _, bench := range []struct{ name, text string }{
		{"small", `2["echo",{"x":1,"text":"hello world"}]`},
		{"namespace and ack", `2/chat,17["echo",{"x":1,"text":"hello world"}]`},
		{"binary", `51-["upload",{"name":"a.png","body":{"_placeholder":true,"num":0}}]`},
		{"escapes", `2["echo","\"quoted\" \u00e9\ud83d\ude00\n"]`},
		{"10 KB text", `2["echo","` + strings.Repeat("lorem ipsum ", 850) + `"]`},
		{"10 KB numbers", `2["echo",[` + strings.Repeat("1234.5,", 1450) + `0]]`},
		{"400,000 brackets", `2["echo",` + strings.Repeat("[", 400_000)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			text := []byte(bench.text)
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_, _ = ParseIn("/chat", text, Limits{})
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, text := range []string{
		`2["echo",{"x":1,"text":"hello world"}]`,
		`2/chat,17["echo",{"x":1,"text":"hello world"}]`,
	} {
		b.Run(text[:strings.IndexByte(text, '[')], func(b *testing.B) {
			p := mustParse(b, text)
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = p.Append(buf[:0])
			}
		})
	}
}

func BenchmarkAppendString(b *testing.B) {
	for _, bench := range []struct{ name, s string }{
		{"ascii", "hello world, this is a message"},
		{"escapes", "a \"quoted\"\nline\tand \\ more"},
		{"unicode", "grüße, 世界 und 😀"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendString(buf[:0], bench.s)
			}
		})
	}
}

func BenchmarkEventAndArgs(b *testing.B) {
	p := mustParse(b, `2["echo",{"x":1,"text":"hello world"},"second",3]`)
	handlers := map[string]int{"echo": 1}
	b.ReportAllocs()
	for b.Loop() {
		if handlers[string(p.EventNameBytes())] != 1 {
			b.Fatal("event not found")
		}
		for args := p.Args(); ; {
			if _, ok := args.Next(); !ok {
				break
			}
		}
	}
}

func BenchmarkRenumber(b *testing.B) {
	raw := []byte(`{"name":"a.png","body":{"_placeholder":true,"num":0}}`)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = Renumber(buf[:0], raw, 3)
	}
}

func mustParse(tb testing.TB, text string) Packet {
	tb.Helper()
	p, err := Parse([]byte(text), Limits{})
	if err != nil {
		tb.Fatalf("Parse(%q): %v", text, err)
	}
	return p
}
