package ot

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf16"
)

// MarshalJSON writes the steps of the edit: n keeps code units, -n removes them, a
// string is inserted.
func (e Edit) MarshalJSON() ([]byte, error) {
	list := make([]any, 0, len(e.steps))
	for _, s := range e.steps {
		switch {
		case s.keep > 0:
			list = append(list, s.keep)
		case s.remove > 0:
			list = append(list, -s.remove)
		default:
			list = append(list, string(utf16.Decode(s.insert)))
		}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (e *Edit) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*e = Edit{}
	for _, raw := range list {
		var n int
		var s string
		switch {
		case json.Unmarshal(raw, &n) == nil && n != 0 && n > math.MinInt32 && n < math.MaxInt32:
			e.keep(max(0, n))
			e.remove(max(0, -n))
			e.before += max(n, -n)
		case json.Unmarshal(raw, &s) == nil && s != "":
			e.insert(utf16.Encode([]rune(s)))
		default:
			return fmt.Errorf("a step that is neither a number nor a text: %.20s", raw)
		}
		if e.before > math.MaxInt32 {
			return errors.New("an edit of a text longer than any")
		}
	}
	return nil
}
