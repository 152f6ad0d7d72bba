package nodewire

import (
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"parley/server/adapter"
	"parley/server/wire/sio"
)

// jsDate is what Date.prototype.toString prints (ECMA-262, section 21.4.4.41), in UTC.
const jsDate = "Mon Jan 02 2006 15:04:05 GMT+0000 (Coordinated Universal Time)"

// appendSockets appends descriptions as a JSON array, those of Data that are no JSON
// object as an empty one.
func (l Limits) appendSockets(dst []byte, sockets []adapter.Socket) []byte {
	dst = append(dst, '[')
	for i := range sockets {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = l.appendSocket(dst, &sockets[i])
	}
	return append(dst, ']')
}

func (l Limits) appendSocket(dst []byte, s *adapter.Socket) []byte {
	h := &s.Handshake
	dst = sio.AppendString(append(dst, `{"id":`...), s.ID)
	dst = appendHeaders(append(dst, `,"handshake":{"headers":`...), h.Header)
	dst = sio.AppendString(append(dst, `,"time":`...), h.Time.UTC().Format(jsDate))
	address := h.RemoteAddr
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	dst = sio.AppendString(append(dst, `,"address":`...), address)
	dst = strconv.AppendBool(append(dst, `,"xdomain":`...), h.Header.Get("Origin") != "")
	dst = strconv.AppendBool(append(dst, `,"secure":`...), h.Secure)
	dst = strconv.AppendInt(append(dst, `,"issued":`...), h.Time.UnixMilli(), 10)
	dst = sio.AppendString(append(dst, `,"url":`...), h.URL)
	dst = appendQuery(append(dst, `,"query":`...), h.Query)
	dst = append(append(dst, `,"auth":`...), l.objectOr(h.Auth)...)
	dst = appendNames(append(dst, `},"rooms":`...), s.Rooms)
	dst = append(append(dst, `,"data":`...), l.objectOr(s.Data)...)
	return append(dst, '}')
}

// objectOr returns raw if it is a JSON object, else an empty one.
func (l Limits) objectOr(raw []byte) []byte {
	if len(raw) == 0 || raw[0] != '{' || !utf8.Valid(raw) || sio.CheckJSON(raw, l.Depth) != nil {
		return []byte("{}")
	}
	return raw
}

// appendHeaders appends what Node's http has: lower-case names, one text each, of which each
// character is a byte.
func appendHeaders(dst []byte, header http.Header) []byte {
	dst = append(dst, '{')
	for i, name := range sortedKeys(header) {
		if i > 0 {
			dst = append(dst, ',')
		}
		sep := ", "
		if name == "Cookie" {
			sep = "; "
		}
		dst = append(sio.AppendString(dst, strings.ToLower(name)), ':')
		dst = sio.AppendString(dst, ofLatin1(strings.Join(header[name], sep)))
	}
	return append(dst, '}')
}

// ofLatin1 returns text of which each character is one of the bytes.
func ofLatin1(bytes string) string {
	if isASCII(bytes) {
		return bytes
	}
	text := make([]rune, len(bytes))
	for i := range len(bytes) {
		text[i] = rune(bytes[i])
	}
	return string(text)
}

// latin1 undoes ofLatin1; other text is returned as it is.
func latin1(text string) string {
	if isASCII(text) {
		return text
	}
	bytes := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return text
		}
		bytes = append(bytes, byte(r))
	}
	return string(bytes)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// appendQuery appends the first of several values, so that each is one text.
func appendQuery(dst []byte, query url.Values) []byte {
	dst = append(dst, '{')
	for i, name := range sortedKeys(query) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(sio.AppendString(dst, name), ':')
		dst = sio.AppendString(dst, query.Get(name))
	}
	return append(dst, '}')
}

func sortedKeys(m map[string][]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// sockets reads descriptions.
func (r *reader) sockets(attachments [][]byte, l Limits) (all []adapter.Socket, err error) {
	all = []adapter.Socket{}
	err = r.array(func() error {
		if len(all) == l.Sockets {
			return &LimitError{"Sockets", l.Sockets}
		}
		s, err := r.socket(attachments, l)
		all = append(all, s)
		return err
	})
	return all, err
}

func (r *reader) socket(attachments [][]byte, l Limits) (s adapter.Socket, err error) {
	s.Data = []byte("{}")
	err = r.object(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			s.ID, err = r.string()
		case "handshake":
			err = r.handshake(&s.Handshake, attachments)
		case "rooms":
			s.Rooms, err = r.names(l)
		case "data":
			if raw := r.raw(); raw[0] == '{' {
				s.Data, err = appendBuffers(nil, raw, attachments)
			}
		default:
			r.raw()
		}
		return err
	})
	if err == nil && s.ID == "" {
		err = malformed("socket without id")
	}
	return s, err
}

func (r *reader) handshake(h *adapter.Handshake, attachments [][]byte) error {
	return r.object(func(key []byte) (err error) {
		switch string(key) {
		case "headers":
			h.Header = http.Header{}
			if err = r.values(h.Header, textproto.CanonicalMIMEHeaderKey); err == nil {
				for _, values := range h.Header {
					for i := range values {
						values[i] = latin1(values[i])
					}
				}
			}
		case "query":
			h.Query = url.Values{}
			err = r.values(h.Query, func(name string) string { return name })
		case "issued":
			if ms, err := r.int(); err == nil {
				h.Time = time.UnixMilli(ms)
			}
		case "address":
			// Node tells no port, and of a Unix socket nothing.
			h.RemoteAddr, _ = r.tryString()
			if h.RemoteAddr != "" {
				h.RemoteAddr = net.JoinHostPort(h.RemoteAddr, "0")
			}
		case "secure":
			h.Secure = r.truthy()
		case "url":
			h.URL, _ = r.tryString()
		case "auth":
			if raw := r.raw(); raw[0] == '{' && string(raw) != "{}" {
				h.Auth, err = appendBuffers(nil, raw, attachments)
			}
		default:
			r.raw()
		}
		return err
	})
}

// values reads an object whose members are text, or lists of it; others are left out.
func (r *reader) values(to map[string][]string, name func(string) string) error {
	return r.object(func(key []byte) error {
		k := name(string(key))
		one := func() error {
			if r.peek() != '"' {
				r.raw()
				return nil
			}
			s, err := r.string()
			to[k] = append(to[k], s)
			return err
		}
		if r.peek() == '[' {
			return r.array(one)
		}
		return one()
	})
}
