package websocket

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestUpgradeRequestsThatAreNone(t *testing.T) {
	s := newServer(t, testLimits, false)
	without := func(line string) string {
		before, after, _ := strings.Cut(request, line)
		_, after, _ = strings.Cut(after, "\r\n")
		return before + after
	}
	for name, c := range map[string]struct {
		raw  string
		want int
	}{
		"no version":        {without("Sec-WebSocket-Version"), http.StatusUpgradeRequired},
		"old version":       {strings.Replace(request, "Version: 13", "Version: 8", 1), http.StatusUpgradeRequired},
		"no key":            {without("Sec-WebSocket-Key"), http.StatusBadRequest},
		"short key":         {strings.Replace(request, "dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 1), http.StatusBadRequest},
		"key of 24 letters": {strings.Replace(request, "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ!!", 1), http.StatusBadRequest},
		"no Connection":     {without("Connection: Upgrade"), http.StatusBadRequest},
		"keep-alive":        {strings.Replace(request, "Connection: Upgrade", "Connection: keep-alive", 1), http.StatusBadRequest},
		"no Upgrade":        {without("Upgrade: websocket"), http.StatusBadRequest},
		"other Upgrade":     {strings.Replace(request, "Upgrade: websocket", "Upgrade: h2c", 1), http.StatusBadRequest},
		"POST":              {strings.Replace(request, "GET", "POST", 1), http.StatusMethodNotAllowed},
		"POST with a body":  {strings.Replace(request, "GET", "POST", 1) + "Content-Length: 4\r\n\r\ntest", http.StatusMethodNotAllowed},
		"HTTP/1.0":          {strings.Replace(request, "HTTP/1.1", "HTTP/1.0", 1), http.StatusHTTPVersionNotSupported},
		"a body":            {request + "Content-Length: 4\r\n\r\ntest", http.StatusBadRequest},
		"a chunked body":    {request + "Transfer-Encoding: chunked\r\n\r\n4\r\ntest\r\n0\r\n", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			client := s.connect(t, c.raw+"\r\n")
			res := client.response()
			if res.StatusCode != c.want {
				t.Errorf("status %s, want %d", res.Status, c.want)
			}
			if res.StatusCode == http.StatusUpgradeRequired && res.Header.Get("Sec-WebSocket-Version") != "13" {
				t.Error("the answer does not name the version")
			}
			_, _ = io.Copy(io.Discard, res.Body)
			if err := await(t, "the error", s.refused); err == nil {
				t.Error("no error")
			}
			// What follows is not taken for another request.
			if n, _ := io.Copy(io.Discard, client.br); n > 0 {
				t.Errorf("%d more bytes came", n)
			}
		})
	}
}

func TestFirstSubprotocolIsChosen(t *testing.T) {
	s := newServer(t, testLimits, false)
	for asked, want := range map[string]string{"": "", "chat": "chat", "v2, v1": "v2", "a": "a"} {
		raw := request
		if asked != "" {
			raw += "Sec-WebSocket-Protocol: " + asked + "\r\n"
		}
		res := s.connect(t, raw+"\r\n").response()
		if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-WebSocket-Protocol") != want {
			t.Errorf("asked for %q: %s %q", asked, res.Status, res.Header.Get("Sec-WebSocket-Protocol"))
		}
		<-s.sinks
	}
}

func TestAnswerProvesTheKeyAndOffersNoExtension(t *testing.T) {
	s := newServer(t, testLimits, false)
	res := s.connect(t, request+"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, ;;=\r\n\r\n").response()
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res.Status)
	}
	// The pair is the example of RFC 6455, 1.3.
	if accept := res.Header.Get("Sec-WebSocket-Accept"); accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("accept %q", accept)
	}
	if ext := res.Header.Get("Sec-WebSocket-Extensions"); ext != "" {
		t.Errorf("extensions %q", ext)
	}
	<-s.sinks
}
