package transport

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"sync"
	"testing"

	"parley/server/internal/deflate"
)

// open returns the payload of a frame of less than 64 KiB, and its first byte.
func open(t *testing.T, frame []byte) (first byte, payload []byte) {
	t.Helper()
	first, payload = frame[0], frame[2:]
	if frame[1] == 126 {
		payload = frame[4:]
	}
	if first&rsv1 == 0 {
		return first, payload
	}
	payload, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil {
		t.Fatal(err)
	}
	return first, payload
}

func TestAMessageIsCompressedOnceForAllWhoShareIt(t *testing.T) {
	c := deflate.NewCompressor(100, 1)
	text := strings.Repeat("hello ", 100)
	for _, m := range []Message{Text(append(NewBuffer(0), text...)), Binary([]byte(text))} {
		before := c.Count()
		m = m.Deflatable(c)
		if c.Count() != before {
			t.Error("compressed before anybody wants it")
		}
		var wg sync.WaitGroup
		frames := make([][]byte, 50)
		for i := range frames {
			wg.Go(func() { frames[i] = m.CompressedFrame(MaxWindow) })
		}
		wg.Wait()
		for _, f := range frames {
			if &f[0] != &frames[0][0] {
				t.Fatal("not shared")
			}
		}
		if c.Count() != before+1 {
			t.Errorf("compressed %d times", c.Count()-before)
		}
		first, payload := open(t, frames[0])
		if first != m.Frame()[0]|rsv1 || !bytes.Equal(payload, m.Frame()[m.head():]) || len(frames[0]) >= len(m.Frame()) {
			t.Errorf("the frame begins with %x and holds %.40q", first, payload)
		}
		if m.Len() < len(text) || m.PollingLen() < len(text) {
			t.Error("the message itself has changed")
		}
	}
}

func TestWhatIsNotCompressed(t *testing.T) {
	text := func(n int) Message { return Text(append(NewBuffer(n), strings.Repeat("x", n)...)) }
	c := deflate.NewCompressor(100, 1)
	short := []byte("")
	for i := range 200 {
		short = append(short, byte(i*i*i>>3), byte(i*77))
	}
	for name, m := range map[string]Message{
		"below the threshold":      text(98).Deflatable(c),
		"told not to be":           text(1000).Deflatable(c).Uncompressed(),
		"told not to be, before":   text(1000).Uncompressed().Deflatable(c),
		"nobody asked":             text(1000),
		"would not become smaller": Binary(short).Deflatable(c),
	} {
		if f := m.CompressedFrame(MaxWindow); &f[0] != &m.Frame()[0] {
			t.Errorf("%s: compressed", name)
		}
	}
	if m := text(99).Deflatable(c); m.CompressedFrame(MaxWindow)[0]&rsv1 == 0 {
		t.Error("not compressed at the threshold")
	}
	if m := text(10); !m.Compressible() || m.Uncompressed().Compressible() {
		t.Error("Compressible does not tell")
	}
}

// A receiver with a small window gets compressed what it can look back on as a
// whole.
func TestSmallWindows(t *testing.T) {
	c := deflate.NewCompressor(1, 1)
	for window := uint8(8); window <= MaxWindow; window++ {
		for _, n := range []int{1 << window, 1<<window + 1} {
			m := Binary(bytes.Repeat([]byte("x"), n)).Deflatable(c)
			compressed := m.CompressedFrame(window)[0]&rsv1 != 0
			if compressed != (n <= 1<<window || window == MaxWindow) {
				t.Errorf("%d bytes with a window of 1<<%d: compressed %v", n, window, compressed)
			}
		}
	}
}
