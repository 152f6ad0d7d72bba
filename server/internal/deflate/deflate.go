package deflate

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
)

// keepBytes is the largest buffer that is kept for reuse.
const keepBytes = 64 << 10

// flushed ends what a sync flush has written. It is not sent (RFC 7692, 7.2.1).
const flushed = "\x00\x00\xff\xff"

// A Compressor compresses messages. It may be used from any goroutine.
type Compressor struct {
	threshold int
	writers   sync.Pool // of *writer
	count     atomic.Int64
}

// NewCompressor returns a Compressor for messages of threshold bytes and more.
// It panics unless level is 1 (fastest) to 9 (smallest).
func NewCompressor(threshold, level int) *Compressor {
	if level < flate.BestSpeed || level > flate.BestCompression {
		panic(fmt.Sprintf("deflate: level %d", level))
	}
	c := &Compressor{threshold: threshold}
	c.writers.New = func() any {
		w := new(writer)
		w.flate, _ = flate.NewWriter(w, level) // fails for an unknown level only
		return w
	}
	return c
}

// Threshold returns the size in bytes from which messages are compressed.
func (c *Compressor) Threshold() int { return c.threshold }

// Count returns how many messages were compressed.
func (c *Compressor) Count() int64 { return c.count.Load() }

// Compress calls use with the compressed form of a message, which is valid only
// during the call.
func (c *Compressor) Compress(message []byte, use func(compressed []byte)) {
	c.count.Add(1)
	w := c.writers.Get().(*writer)
	w.flate.Reset(w)
	_, _ = w.flate.Write(message) // a writer takes everything
	_ = w.flate.Flush()
	use(w.out[:len(w.out)-len(flushed)])
	if w.out = w.out[:0]; cap(w.out) > keepBytes {
		w.out = nil
	}
	c.writers.Put(w)
}

// A writer holds the state of a compression, most of a megabyte, and its result.
type writer struct {
	flate *flate.Writer
	out   []byte
}

func (w *writer) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	return len(p), nil
}
