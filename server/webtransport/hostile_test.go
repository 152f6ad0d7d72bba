package webtransport

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"parley/server/socketio"
)

func TestBadFramesEndTheirSessionOnly(t *testing.T) {
	w := newWorld(t, socketio.Options{MaxPayload: 1000})
	alive := w.proof()
	for name, row := range map[string]struct {
		bytes  string
		reason socketio.Reason
	}{
		"length 0":             {"\x00", "parse error"},
		"longer than allowed":  {"\x7e\x03\xe9", "parse error"},
		"binary, too long":     {"\xfe\x03\xe9", "parse error"},
		"longer than 2^53":     {"\x7f\x00\x20\x00\x00\x00\x00\x00\x00", "parse error"},
		"unknown type":         {"\x019", "parse error"},
		"not UTF-8":            {"\x034\xff\xff", "parse error"},
		"bad base64":           {"\x02b*", "parse error"},
		"a ping of the client": {"\x012", "transport error"},
		"the client's close":   {"\x011", "transport close"},
	} {
		c := w.connect()
		c.raw([]byte(row.bytes))
		c.gone()
		t.Log(name)
		w.reason(row.reason)
		alive()
	}
}

func TestFirstPacketMustOpen(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	alive := w.proof()
	for _, first := range []string{
		"2probe", "40", "5", "6", "1", "b:x", `0{"sid":"unknown"}`, `0{"sid":1}`, `0{}`, "0nonsense",
	} {
		w.open(first).gone()
		alive()
	}
	w.open().raw([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	alive()
}

func TestFramesMayBeCutAnywhere(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	c := w.open()
	for _, row := range [][2]string{
		{"0", "0{"}, {"40", "40{"}, {`42["echo","` + strings.Repeat("ü", 70) + `"]`, `42["echo","üü`},
	} {
		for _, b := range frame(row[0]) {
			c.raw([]byte{b})
		}
		c.want(row[1])
	}
}

func TestEmptyBinaryMessage(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	c := w.connect()
	for _, empty := range []string{"\x80", "\x01b"} { // as official clients send it, and as they take it
		c.send(`451-["echo",{"_placeholder":true,"num":0}]`)
		c.raw([]byte(empty))
		c.want(`451-["echo",`)
		if got, err := c.next(); got != "b:" || err != nil || !bytes.HasPrefix(c.last, []byte("\x01b")) {
			t.Errorf("%q came back as %q in %q (%v)", empty, got, c.last, err)
		}
	}
}

func TestOriginsAreThoseOfTheServer(t *testing.T) {
	w := newWorld(t, socketio.Options{AllowedOrigins: []string{"https://app.example"}})
	for origin, want := range map[string]int{
		"https://app.example":     http.StatusOK,
		"https://" + w.addr:       http.StatusOK,
		"https://evil.example":    http.StatusForbidden,
		"https://app.example.org": http.StatusForbidden,
		"null":                    http.StatusForbidden,
	} {
		session, status, _ := w.session("Origin", origin)
		if status != want {
			t.Errorf("%s: status %d, want %d", origin, status, want)
		}
		if session != nil {
			_ = session.CloseWithError(0, "")
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	w := newWorld(t, socketio.Options{MaxSessions: 2})
	first := w.connect()
	w.connect()
	w.open("0").gone()
	_ = first.session.CloseWithError(0, "")
	w.reason("transport close")
	for deadline := time.Now().Add(patience); w.io.Stats().CurrentConnections > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the session that ended is still counted")
		}
	}
	w.connect()
}

func TestNothingElseIsServed(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	transport := &http3.Transport{TLSClientConfig: w.dialer.TLSClientConfig, QUICConfig: &quic.Config{}}
	defer transport.Close()
	response, err := (&http.Client{Transport: transport}).Get("https://" + w.addr + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, %v", response.StatusCode, err)
	}
	// Nor does the HTTP server know the transport.
	if got := w.request("transport=webtransport"); got != `{"code":0,"message":"Transport unknown"}` {
		t.Errorf("got %s", got)
	}
}

func TestFurtherStreamsAreIgnored(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	c := w.connect()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		stream, err := c.session.OpenStreamSync(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Write(frame("0")); err != nil {
			t.Fatal(err)
		}
	}
	c.send(`42["echo",1]`)
	c.want(`42["echo",1]`)
	if n := w.io.Stats().CurrentConnections; n != 1 {
		t.Errorf("%d sessions", n)
	}
}
