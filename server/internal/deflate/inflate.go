package deflate

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Why a message cannot be decompressed.
var (
	ErrTooLarge = errors.New("deflate: message is larger than the limit")
	ErrData     = errors.New("deflate: bad compressed data")
)

// ending is what the sender has cut off (RFC 7692, 7.2.2), and an empty last
// block, with which the decompressor ends too.
const ending = flushed + "\x01\x00\x00\xff\xff"

// pieceBytes is how much the decompressor gets at a time.
const pieceBytes = 4 << 10

// firstBytes is the size that a message's buffer begins with.
const firstBytes = 4 << 10

// A Message is a decompressed message.
type Message struct {
	in    source
	piece *bufio.Reader
	flate io.ReadCloser
	out   []byte
}

var messages = sync.Pool{New: func() any {
	m := new(Message)
	m.piece = bufio.NewReaderSize(&m.in, pieceBytes)
	m.flate = flate.NewReader(m.piece)
	return m
}}

// Inflate decompresses a message of at most limit bytes. It ends with
// ErrTooLarge as soon as there is more, or with ErrData. The result must be
// released.
func Inflate(compressed []byte, limit int) (*Message, error) {
	m := messages.Get().(*Message)
	m.in = source{message: compressed, ending: ending}
	m.piece.Reset(&m.in)
	err := m.flate.(flate.Resetter).Reset(m.piece, nil)
	if err == nil {
		err = m.read(limit)
	}
	// A stream that its sender has ended is followed by a byte at most (RFC
	// 7692, 7.2.3.4).
	if err == nil && m.piece.Buffered()+m.in.left() > len(ending)+1 {
		err = ErrData
	}
	if err != nil {
		m.Release()
		return nil, err
	}
	return m, nil
}

func (m *Message) read(limit int) error {
	for {
		if len(m.out) == cap(m.out) {
			size := min(max(2*cap(m.out), firstBytes), limit+1)
			m.out = append(make([]byte, 0, size), m.out...)
		}
		n, err := m.flate.Read(m.out[len(m.out):cap(m.out)])
		m.out = m.out[:len(m.out)+n]
		switch {
		case len(m.out) > limit:
			return ErrTooLarge
		case err == io.EOF:
			return nil
		case err != nil:
			return ErrData
		}
	}
}

// Bytes returns the message, which is valid until Release.
func (m *Message) Bytes() []byte { return m.out }

// Release ends the use of the message.
func (m *Message) Release() {
	m.in = source{}
	if m.out = m.out[:0]; cap(m.out) > keepBytes {
		m.out = nil
	}
	messages.Put(m)
}

// A source is what a message is decompressed from.
type source struct {
	message []byte
	ending  string
}

func (s *source) left() int { return len(s.message) + len(s.ending) }

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if s.left() == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.message)
	s.message = s.message[n:]
	tail := copy(p[n:], s.ending)
	s.ending = s.ending[tail:]
	return n + tail, nil
}
