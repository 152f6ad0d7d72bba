package zishang520_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	"parley/adapters/zishang520"
	"parley/server/engineio"
)

// garbage is what no client sends once it has joined the main namespace.
var garbage = [][]string{
	{"4"},
	{"42"},
	{"42{}"},
	{"42[]"},
	{"42[1]"},
	{"42[null]"},
	{`42["connect"]`},
	{`42["x"`},
	{"43"},
	{"431{}"},
	{"49"},
	{"44"},
	{"4-"},
	{`42/not-joined,["x"]`},
	{"41/not-joined,"},
	{"40"},
	{`45-["x"]`},
	{`451-["x",{"_placeholder":true,"num":9}]`, "bAQ=="},
	{`451-["x",{"_placeholder":true,"num":0}]`, `42["y"]`},
	{"bAQ=="},
	append([]string{`4599999999999-["x"]`}, slices.Repeat([]string{"bAQ=="}, 12)...),
}

// TestGarbageEndsItsConnectionOnly: one packet of two bytes ends a process on their
// engine.
func TestGarbageEndsItsConnectionOnly(t *testing.T) {
	url, _ := start(t, nil, mount)
	other := dial(t, url)
	other.join("")
	for _, packets := range garbage {
		r := dial(t, url)
		r.join("")
		r.try(packets...)
		r.ended()
	}
	other.send(`420["echo","still here"]`)
	for p := other.next(); p != `430[["still here"]]`; p = other.next() {
		if p[:2] != "42" { // that the others have gone
			t.Fatalf("got %q", p)
		}
	}

	peer, ended := startPeer(t)
	r := dial(t, peer)
	r.join("")
	if response, err := client.Post(r.url, "text/plain", strings.NewReader("42")); err == nil {
		_ = response.Body.Close()
	}
	select {
	case <-ended:
		t.Log("on their engine the process has ended")
	case <-time.After(time.Second):
		t.Log("on their engine the process lives")
	}
}

// FuzzPackets: whatever a client sends, others are served.
func FuzzPackets(f *testing.F) {
	for _, packets := range garbage {
		f.Add(packets[0][1:], []byte{1})
	}
	f.Add(`51-0["echo",{"_placeholder":true,"num":0}]`, []byte{1, 2})
	f.Add(`2["back",{"a":[1,null,{}]}]`, []byte{})
	f.Add(`0/other,{"token":1}`, []byte{})
	url, _ := start(f, &zishang520.Options{Engine: func(o *engineio.Options) {
		o.PingInterval, o.PingTimeout = 5*time.Second, 5*time.Second // the clients go without a word
	}}, func(io *socket.Server) {
		listen := func(args ...any) { mountEvents(args[0].(*socket.Socket)) }
		io.On("connection", listen)
		io.Of("/other", listen)
	})
	f.Fuzz(func(t *testing.T, text string, attachment []byte) {
		r := dial(t, url)
		r.join("")
		r.try("4"+text, "b"+base64.StdEncoding.EncodeToString(attachment))
		other := dial(t, url)
		other.join("")
		other.send(`420["echo",1]`)
		other.expect(`430[[1]]`)
	})
}
