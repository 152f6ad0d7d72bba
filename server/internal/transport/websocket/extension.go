package websocket

import (
	"strings"

	"parley/server/internal/transport"
)

// deflateName is the extension of RFC 7692.
const deflateName = "permessage-deflate"

// minWindow is the smallest window that there is, as a power of two.
const minWindow = 8

// negotiate picks the first offer of permessage-deflate that can be accepted
// (RFC 7692, 7.1). Neither side takes context over, so that nothing is kept
// between messages and one frame serves all receivers. window is 0 if there is
// no such offer. ok is false if the header does not follow RFC 6455, 9.1.
func negotiate(header []string) (answer string, window uint8, ok bool) {
	s := scanner(strings.Join(header, ","))
	for {
		for s.skip(',') {
		}
		if s == "" {
			return answer, window, true
		}
		name := s.token()
		if name == "" {
			return "", 0, false
		}
		o := offer{declined: name != deflateName || answer != ""}
		for s.skip(';') {
			param, value, given := s.token(), "", s.skip('=')
			if given {
				value = s.value()
			}
			if param == "" || given && value == "" {
				return "", 0, false
			}
			o.take(param, value)
		}
		if s != "" && s[0] != ',' {
			return "", 0, false
		}
		if !o.declined {
			answer, window = o.accept()
		}
	}
}

// An offer is one set of parameters that a client can do with. An offer with a
// parameter that is unknown, doubled or has an impossible value is declined.
type offer struct {
	declined                     bool
	serverTakeover, clientWindow bool // whether they have come
	clientTakeover               bool
	serverBits                   string
}

func (o *offer) take(param, value string) {
	again, valid := false, value == ""
	switch param {
	case "server_no_context_takeover":
		again, o.serverTakeover = o.serverTakeover, true
	case "client_no_context_takeover":
		again, o.clientTakeover = o.clientTakeover, true
	case "client_max_window_bits":
		again, o.clientWindow = o.clientWindow, true
		valid = valid || windowOf(value) > 0
	case "server_max_window_bits":
		again, o.serverBits = o.serverBits != "", value
		valid = windowOf(value) > 0
	default:
		valid = false
	}
	o.declined = o.declined || again || !valid
}

func (o *offer) accept() (answer string, window uint8) {
	answer = deflateName + "; server_no_context_takeover; client_no_context_takeover"
	if o.serverBits == "" {
		return answer, transport.MaxWindow
	}
	return answer + "; server_max_window_bits=" + o.serverBits, windowOf(o.serverBits)
}

// windowOf returns a size of a window, or 0 if the value is none.
func windowOf(value string) uint8 {
	for w := uint8(minWindow); w <= transport.MaxWindow; w++ {
		if value == windows[w-minWindow] {
			return w
		}
	}
	return 0
}

var windows = [...]string{"8", "9", "10", "11", "12", "13", "14", "15"}

// A scanner is what is left of a header.
type scanner string

// skip takes white space, and then c if it follows.
func (s *scanner) skip(c byte) bool {
	*s = scanner(strings.TrimLeft(string(*s), " \t"))
	if *s == "" || (*s)[0] != c {
		return false
	}
	*s = scanner(strings.TrimLeft(string((*s)[1:]), " \t"))
	return true
}

// token takes a token; none is empty.
func (s *scanner) token() string {
	n := 0
	for n < len(*s) && isToken((*s)[n]) {
		n++
	}
	token := string((*s)[:n])
	*s = scanner(strings.TrimLeft(string((*s)[n:]), " \t"))
	return token
}

// value takes a token that may be quoted; none is empty.
func (s *scanner) value() string {
	if *s == "" || (*s)[0] != '"' {
		return s.token()
	}
	quoted, rest, closed := strings.Cut(string((*s)[1:]), `"`)
	inner := scanner(quoted)
	if token := inner.token(); closed && token == quoted {
		*s = scanner(strings.TrimLeft(rest, " \t"))
		return token
	}
	return ""
}

// isToken reports whether c may stand in a token (RFC 9110, 5.6.2).
func isToken(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
