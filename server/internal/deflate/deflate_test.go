package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// noise is data that cannot be compressed.
func noise(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// inflate returns a copy of the decompressed message.
func inflate(compressed []byte, limit int) ([]byte, error) {
	m, err := Inflate(compressed, limit)
	if err != nil {
		return nil, err
	}
	defer m.Release()
	return bytes.Clone(m.Bytes()), nil
}

func compress(c *Compressor, message []byte) (compressed []byte) {
	c.Compress(message, func(p []byte) { compressed = bytes.Clone(p) })
	return compressed
}

func TestWhatIsCompressedIsReadByAnotherImplementation(t *testing.T) {
	for _, level := range []int{1, 6, 9} {
		c := NewCompressor(0, level)
		for _, message := range [][]byte{
			nil, []byte("x"), []byte(strings.Repeat("hello ", 20_000)), noise(100), noise(40_000), noise(70_000),
		} {
			compressed := compress(c, message)
			got, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(compressed), strings.NewReader(ending))))
			if err != nil || !bytes.Equal(got, message) {
				t.Errorf("level %d: %d bytes came back as %d, %v", level, len(message), len(got), err)
			}
			if got, err := inflate(compressed, len(message)); err != nil || !bytes.Equal(got, message) {
				t.Errorf("level %d: %d bytes are read as %d, %v", level, len(message), len(got), err)
			}
		}
	}
}

// The examples of RFC 7692, 7.2.3, which all say "Hello".
func TestExamplesOfTheRFC(t *testing.T) {
	for name, compressed := range map[string]string{
		"one block":           "\xf2\x48\xcd\xc9\xc9\x07\x00",
		"without compression": "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
		"a last block":        "\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
		"two blocks":          "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
	} {
		if got, err := inflate([]byte(compressed), 5); err != nil || string(got) != "Hello" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := inflate([]byte{0}, 5); err != nil || len(got) > 0 {
		t.Errorf("the empty message: %q, %v", got, err)
	}
}

func TestBadDataIsRefused(t *testing.T) {
	for name, compressed := range map[string]string{
		"nothing":                     "",
		"no block":                    "\xff",
		"a block of an unknown type":  "\x07",
		"a length that is none":       "\x00\x05\x00\xfa\xfeHello\x00",
		"a look behind the beginning": "\x02\x01\x00\x00",
		"half a block":                "\x00\x20\x00\xdf\xff\x48",
		"bytes behind the last block": "\xf3\x48\xcd\xc9\xc9\x07\x00\x00more",
	} {
		if got, err := inflate([]byte(compressed), 1000); !errors.Is(err, ErrData) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	// What came before leaves no trace.
	if got, err := inflate([]byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5); err != nil || string(got) != "Hello" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

func TestAMessageStopsAtTheLimit(t *testing.T) {
	c := NewCompressor(0, 9)
	for _, size := range []int{1, 100, firstBytes, firstBytes + 1, 100_000} {
		compressed := compress(c, make([]byte, size))
		if got, err := inflate(compressed, size); err != nil || len(got) != size {
			t.Errorf("%d bytes with just that limit: %d, %v", size, len(got), err)
		}
		if _, err := inflate(compressed, size-1); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes with a limit of one less: %v", size, err)
		}
	}
}

func TestABombCostsNoMoreThanItsLimit(t *testing.T) {
	const limit = 1_000_000
	// Zeros refer to the zeros before them, so the same bytes can follow.
	zeros := compress(NewCompressor(0, 9), make([]byte, limit))
	bomb := bytes.Repeat(append(zeros, flushed...), 500)
	if len(bomb) > limit {
		t.Fatalf("%d bytes are no bomb", len(bomb))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := inflate(bomb, limit)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrTooLarge) || used > 4*limit {
		t.Errorf("%d bytes were allocated, %v", used, err)
	}
}

// Whoever ends each piece with a block of its own makes more of what cannot be
// compressed.
func TestManySmallBlocks(t *testing.T) {
	var pieces bytes.Buffer
	w, _ := flate.NewWriter(&pieces, flate.NoCompression)
	data := noise(90_000)
	for rest := data; len(rest) > 0; rest = rest[10:] {
		_, _ = w.Write(rest[:10])
		_ = w.Flush()
	}
	if got, err := inflate(bytes.TrimSuffix(pieces.Bytes(), []byte(flushed)), len(data)); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestImpossibleLevelPanics(t *testing.T) {
	for _, level := range []int{-1, 0, 10} {
		func() {
			defer func() {
				if v := fmt.Sprint(recover()); !strings.Contains(v, "level") {
					t.Errorf("level %d: panic %q", level, v)
				}
			}()
			NewCompressor(1, level)
		}()
	}
}

func FuzzInflate(f *testing.F) {
	c := NewCompressor(0, 1)
	for _, message := range []string{"", "x", "Hello, Hello, Hello", strings.Repeat("y", 5000)} {
		f.Add(compress(c, []byte(message)))
	}
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))
	f.Add([]byte("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 10_000
		rest := bytes.NewReader(append(bytes.Clone(data), ending...))
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(rest), limit+1))
		if wantErr == nil && rest.Len() > len(ending)+1 {
			wantErr = ErrData
		}
		if len(want) > limit {
			wantErr = ErrTooLarge
		}
		got, err := inflate(data, limit)
		if (err != nil) != (wantErr != nil) || errors.Is(err, ErrTooLarge) != (len(want) > limit) {
			t.Fatalf("%v, but the standard library: %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(got, want) {
			t.Errorf("made %q, the standard library %q", got, want)
		}
		if again, err := inflate(compress(c, got), limit); err != nil || !bytes.Equal(again, got) {
			t.Errorf("there and back: %q, %v", again, err)
		}
	})
}
