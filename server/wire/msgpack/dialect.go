package msgpack

import (
	"strconv"

	"parley/server/wire/sio"
)

// A Dialect is how servers write to each other, whose libraries fail on less than clients do. The
// zero value is that of notepack.io.
type Dialect struct {
	// Doubles writes integers beyond 2^53-1 as floats, as @msgpack/msgpack does.
	Doubles bool
	// Buffers makes AppendValue write binary as JSON.stringify prints a Buffer, so that there are no attachments.
	Buffers bool
}

const (
	protoKey       = "__proto__"
	placeholderKey = "_placeholder"
)

// AppendJSON is [AppendJSON] for a server to read. Members named __proto__ are left out: some decoders refuse the
// message for one, others change the object that holds it. Beside attachments, an object of the user's that looks
// like a placeholder has 1 for its true, as clients get it.
func (d *Dialect) AppendJSON(dst, raw []byte, attachments [][]byte) ([]byte, error) {
	w := writer{dst: dst, text: raw, attachments: attachments, levels: sio.MaxDepth, dialect: d}
	return w.document()
}

// AppendValue is [AppendValue] for what a server has written: keys may be numbers, and what is no valid
// UTF-8, such as half a surrogate pair, becomes U+FFFD.
func (d *Dialect) AppendValue(dst, data []byte, lim sio.Limits) (raw []byte, attachments [][]byte, err error) {
	r := newReader(dst, data, lim)
	r.loose, r.buffers = true, d.Buffers
	return r.document()
}

// buffer appends binary as Node prints it.
func (r *reader) buffer(data []byte) {
	r.dst = append(r.dst, `{"type":"Buffer","data":[`...)
	for i, b := range data {
		if i > 0 {
			r.dst = append(r.dst, ',')
		}
		r.dst = strconv.AppendUint(r.dst, uint64(b), 10)
	}
	r.dst = append(r.dst, "]}"...)
}
