package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestArgumentHasExactlyItsSize(t *testing.T) {
	for _, size := range []int{minPayload, 64, 1000} {
		for _, n := range []int{0, 7, 999_999_999} {
			b := appendArgument(nil, n, n, size)
			if len(b) != size || !json.Valid(b) {
				t.Errorf("size %d, number %d: %d bytes %s", size, n, len(b), b)
			}
			head, client, seq, ok := parseMessage([]byte(`42/bench,["echo",`+string(b)+`]`), size)
			if !ok || string(head) != `42/bench,["echo",` || client != n || seq != n {
				t.Errorf("size %d, number %d: read %q, %d, %d, %v", size, n, head, client, seq, ok)
			}
		}
	}
}

func TestChangedMessagesAreNoticed(t *testing.T) {
	good := `42/bench,["echo",` + string(appendArgument(nil, 1, 2, 64)) + `]`
	for _, bad := range []string{
		"", "]", `"}]`, good[:len(good)-1], good + " ",
		strings.Replace(good, "x", "", 1),
		strings.Replace(good, "x", "xx", 1),
		strings.Replace(good, `"client":1`, `"client":x`, 1),
		strings.Replace(good, `"seq":2`, `"seq":-`, 1),
		strings.Replace(good, `"text"`, `"tixt"`, 1),
	} {
		if _, _, _, ok := parseMessage([]byte(bad), 64); ok {
			t.Errorf("accepted %s", bad)
		}
	}
}
