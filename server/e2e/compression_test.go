package e2e

import (
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"testing"

	"parley/server/socketio"
)

func TestLargePollsAreCompressed(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	for _, row := range []struct {
		accept, coding string
		size           int
	}{
		{"gzip, deflate, br", "gzip", 5000},
		{"deflate", "deflate", 5000},
		{"br", "", 5000},
		{"gzip", "", 500},
	} {
		echo := `42["echo","` + strings.Repeat("é😀", row.size/6) + `"]`
		p.send(echo)
		a := must(request(t, srv, "GET", p.query(), "", "Accept-Encoding", row.accept))(t)
		var body io.Reader = strings.NewReader(a.body)
		var err error
		switch coding := a.header.Get("Content-Encoding"); {
		case coding != row.coding:
			t.Errorf("%s, %d bytes: coding %q, want %q", row.accept, row.size, coding, row.coding)
		case coding == "gzip":
			body, err = gzip.NewReader(body)
		case coding == "deflate":
			body, err = zlib.NewReader(body)
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(body); err != nil || string(text) != echo {
			t.Errorf("%s, %d bytes: got %d, %v", row.accept, row.size, len(text), err)
		}
	}
}
