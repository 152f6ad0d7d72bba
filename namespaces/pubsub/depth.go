package pubsub

// depth is how deep the payload of publish may be nested: some clients that are to read the message would fail on more.
const depth = 64

// deeper reports whether arrays and objects of a valid JSON text are nested in each other more than so many levels.
func deeper(text []byte, levels int) bool {
	open, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '[', c == '{':
			if open++; open > levels {
				return true
			}
		case c == ']', c == '}':
			open--
		}
	}
	return false
}
