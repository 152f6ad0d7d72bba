package identity

import (
	"encoding/json"
	"errors"
	"strings"
)

// words are a list of strings, or one string of words as RFC 8693, section 4.2,
// writes scopes.
type words []string

func (w *words) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) == nil {
		*w = list
		return nil
	}
	var text string
	if json.Unmarshal(data, &text) != nil {
		return errors.New("neither a string nor a list of strings")
	}
	*w = strings.Fields(text)
	return nil
}
