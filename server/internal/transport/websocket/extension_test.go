package websocket

import (
	"strings"
	"testing"
)

const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

func TestOffersOfCompression(t *testing.T) {
	for _, row := range []struct {
		header string
		answer string
		window uint8
	}{
		{"", "", 0},
		{"permessage-deflate", agreed, 15},
		{"permessage-deflate; client_max_window_bits", agreed, 15},
		{"permessage-deflate; client_max_window_bits=10", agreed, 15},
		{` permessage-deflate ;client_max_window_bits = "10" `, agreed, 15},
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", agreed, 15},
		{"permessage-deflate; server_max_window_bits=10", agreed + "; server_max_window_bits=10", 10},
		{"permessage-deflate; server_max_window_bits=15", agreed + "; server_max_window_bits=15", 15},
		{"permessage-deflate; server_max_window_bits=8; client_max_window_bits", agreed + "; server_max_window_bits=8", 8},
		{", ,permessage-deflate,", agreed, 15},
		// The first offer that is possible wins.
		{"permessage-deflate; server_max_window_bits=9, permessage-deflate", agreed + "; server_max_window_bits=9", 9},
		{"permessage-deflate; future, permessage-deflate; server_max_window_bits=12", agreed + "; server_max_window_bits=12", 12},
		{"permessage-bzip2; x=1, permessage-deflate", agreed, 15},
		// Offers that are declined.
		{"x-webkit-deflate-frame", "", 0},
		{"PERMESSAGE-DEFLATE", "", 0},
		{"permessage-deflate; future", "", 0},
		{"permessage-deflate; server_no_context_takeover=1", "", 0},
		{"permessage-deflate; client_no_context_takeover=1", "", 0},
		{"permessage-deflate; server_no_context_takeover; server_no_context_takeover", "", 0},
		{"permessage-deflate; client_no_context_takeover; client_no_context_takeover", "", 0},
		{"permessage-deflate; client_max_window_bits; client_max_window_bits=9", "", 0},
		{"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", "", 0},
		{"permessage-deflate; server_max_window_bits", "", 0},
		{"permessage-deflate; server_max_window_bits=7", "", 0},
		{"permessage-deflate; server_max_window_bits=16", "", 0},
		{"permessage-deflate; server_max_window_bits=010", "", 0},
		{"permessage-deflate; server_max_window_bits=1e1", "", 0},
		{"permessage-deflate; client_max_window_bits=7", "", 0},
		{"permessage-deflate; client_max_window_bits=16", "", 0},
	} {
		answer, window, ok := negotiate([]string{row.header})
		if answer != row.answer || window != row.window || !ok {
			t.Errorf("%q: %q, window %d, %v", row.header, answer, window, ok)
		}
	}
	if answer, _, _ := negotiate([]string{"permessage-bzip2", "permessage-deflate"}); answer != agreed {
		t.Errorf("two headers: %q", answer)
	}
}

var malformedOffers = []string{
	";", "=", "permessage-deflate;", "permessage-deflate; ;", "permessage-deflate; =", "permessage-deflate; a=", `permessage-deflate; a="`,
	`permessage-deflate; a=""`, `permessage-deflate; a="b c"`, `permessage-deflate; a="b\c"`, "permessage-deflate a", "permessage-deflate; a b",
	"permessage-deflate; a=b=c", "permessage-deflate, ;", "permessage-deflate\x00", "permessage-deflate; ä",
}

func TestMalformedOffers(t *testing.T) {
	for _, header := range malformedOffers {
		if answer, window, ok := negotiate([]string{header}); ok || answer != "" || window != 0 {
			t.Errorf("%q: %q, window %d, %v", header, answer, window, ok)
		}
	}
}

func FuzzOffers(f *testing.F) {
	for _, header := range malformedOffers {
		f.Add(header)
	}
	f.Add(`permessage-deflate; client_max_window_bits="10"; server_max_window_bits=9, permessage-deflate`)
	f.Fuzz(func(t *testing.T, header string) {
		answer, window, ok := negotiate([]string{header})
		if !ok && answer != "" || (answer != "") != (window >= 8 && window <= 15) {
			t.Fatalf("%q, window %d, %v", answer, window, ok)
		}
		if !ok || answer == "" {
			return
		}
		if !strings.HasPrefix(answer, agreed) || !strings.Contains(header, "permessage-deflate") {
			t.Errorf("%q", answer)
		}
		// What is agreed on can be offered.
		if again, w, ok := negotiate([]string{answer}); again != answer || w != window || !ok {
			t.Errorf("%q became %q", answer, again)
		}
	})
}
