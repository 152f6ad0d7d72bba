package polling

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"parley/server/internal/transport"
	"parley/server/wire/eio"
)

// A Format is how the bodies of a session are written, where that is not as
// plain revision 4 has it. The nil Format is that.
type Format struct {
	// V3 says that the session is one of revision 3.
	V3 bool
	// Base64 keeps binary out of the answers of revision 3; in those of
	// revision 4 it never is.
	Base64 bool
	// JSONP wraps the answers for script elements, and takes what the client
	// sends from a form.
	JSONP bool
	// Callback is the number of the function that a JSONP answer calls.
	Callback string
}

const (
	textBody   = "text/plain; charset=UTF-8"
	binaryBody = "application/octet-stream"
	scriptBody = "text/javascript; charset=UTF-8"
)

// errForm: the body of a JSONP request has no field d, or a broken one.
var errForm = errors.New("polling: form without a payload")

func isBinary(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), binaryBody)
}

// takesBinary reports whether a request's body may be binary.
func (f *Format) takesBinary() bool { return f != nil && f.V3 && !f.JSONP }

// encode returns the body of an answer and its content type.
func (f *Format) encode(batch []transport.Message) (body []byte, contentType string) {
	size, binary := 0, false
	for _, m := range batch {
		size += m.PollingLen() + 1
		binary = binary || m.IsBinary()
	}
	if f == nil || !f.V3 {
		body = make([]byte, 0, size)
		for i, m := range batch {
			if i > 0 {
				body = append(body, eio.Separator)
			}
			body = m.AppendPolling(body)
		}
	} else {
		binary = binary && !f.Base64 && !f.JSONP
		body = appendV3(make([]byte, 0, size+8*len(batch)), batch, binary)
		if binary {
			return body, binaryBody
		}
	}
	if f == nil || !f.JSONP {
		return body, textBody
	}
	return f.script(body), scriptBody
}

func appendV3(dst []byte, batch []transport.Message, binary bool) []byte {
	for _, m := range batch {
		if binary {
			dst = m.Packet().AppendBinaryPayloadV3(dst)
		} else {
			dst = m.Packet().AppendPayloadV3(dst)
		}
	}
	return dst
}

// script makes a call of JavaScript with the payload as its argument.
func (f *Format) script(payload []byte) []byte {
	text, err := json.Marshal(string(payload)) // escapes U+2028 and U+2029, which JavaScript once took for line ends
	if err != nil {
		panic(err) // a string always marshals
	}
	return bytes.Join([][]byte{[]byte("___eio["), []byte(f.Callback), []byte("]("), text, []byte(");")}, nil)
}

// payload returns what a request's body holds.
func (f *Format) payload(body []byte, binary bool, maxPackets int) (*eio.Payload, error) {
	if f == nil {
		return eio.NewPayload(body, maxPackets), nil
	}
	if f.JSONP {
		var err error
		if body, err = formPayload(body); err != nil {
			return nil, err
		}
	}
	switch {
	case !f.V3:
		return eio.NewPayload(body, maxPackets), nil
	case binary && !f.JSONP:
		return eio.NewBinaryPayloadV3(body, maxPackets), nil
	}
	return eio.NewPayloadV3(body, maxPackets), nil
}

// formPayload returns the field d of a form. Its other fields are not kept.
func formPayload(form []byte) ([]byte, error) {
	for len(form) > 0 {
		var field []byte
		field, form, _ = bytes.Cut(form, []byte{'&'})
		name, value, _ := bytes.Cut(field, []byte{'='})
		if string(name) != "d" {
			continue
		}
		text, err := url.QueryUnescape(string(value))
		if err != nil {
			return nil, errForm
		}
		return []byte(newlines.Replace(text)), nil
	}
	return nil, errForm
}

// newlines undoes what clients do because forms change the ends of lines: a
// newline is sent as \n, and a \n that was there before as \\n.
var newlines = strings.NewReplacer(`\\n`, `\n`, `\n`, "\n")
