package polling

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"parley/server/internal/transport"
)

func TestGetTakesTheWholeBatch(t *testing.T) {
	b := newBench(t, Limits{})
	if b.Writable() || b.send("early") != 0 {
		t.Error("took something though no GET waits")
	}
	got := b.get()
	if !b.Writable() {
		t.Error("not writable though a GET waits")
	}
	batch := []transport.Message{message("one"), transport.Binary([]byte{1, 2}), message("zwölf")}
	if n := b.Write(batch, nil); n != len(batch) {
		t.Errorf("took %d", n)
	}
	clear(batch)
	if b.Writable() || b.send("late") != 0 {
		t.Error("an answered GET took more")
	}
	a := await(t, "the answer", got)
	b.expect("GET", a, 200, "4one\x1ebAQI=\x1e4zwölf")
	if a.header.Get("Content-Type") != "text/plain; charset=UTF-8" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Length") != "18" {
		t.Errorf("header %v", a.header)
	}
	b.open()
}

func TestPostHandsPacketsOnBeforeItsAnswer(t *testing.T) {
	b := newBench(t, Limits{})
	a := b.post("4one\x1ebAQI=\x1e3\x1e4zwölf")
	b.expect("POST", a, 200, "ok")
	if a.header.Get("Content-Type") != "text/html" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Length") != "2" {
		t.Errorf("header %v", a.header)
	}
	var got []string
	for len(b.packets) > 0 {
		p := <-b.packets
		got = append(got, p.Type.String()+":"+string(p.Data))
	}
	if s := strings.Join(got, " "); s != "message:one message:\x01\x02 pong: message:zwölf" {
		t.Errorf("got %q", s)
	}
	b.open()
}

func TestSecondGetEndsTheSession(t *testing.T) {
	b := newBench(t, Limits{})
	first := b.get()
	b.expect("second GET", b.do(http.MethodGet, nil), 400, "")
	b.expect("first GET", await(t, "the answer", first), 200, "1")
	if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrViolation) || err.Error() != "overlap from client" {
		t.Errorf("Gone with %v", err)
	}
	b.expect("GET after the end", b.do(http.MethodGet, nil), 400, "")
	b.expect("POST after the end", b.post("4x"), 400, "")
	if len(b.packets) > 0 || b.send("x") != 1 {
		t.Error("the session goes on")
	}
}

func TestSecondPostEndsTheSession(t *testing.T) {
	b := newBench(t, Limits{})
	waiting := b.get()
	first := b.dial("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4sl")
	eventually(t, "the first POST is read", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.Transport.post != nil
	})
	b.expect("second POST", b.post("4x"), 400, "")
	if _, err := io.ReadAll(first.br); isTimeout(err) {
		t.Error("the first POST's connection was not closed")
	}
	b.expect("GET", await(t, "the answer", waiting), 200, "1")
	if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrViolation) || err.Error() != "data request overlap from client" {
		t.Errorf("Gone with %v", err)
	}
	if len(b.packets) > 0 {
		t.Error("something was delivered")
	}
}

func TestBadBodiesEndTheSessionBehindTheGoodPackets(t *testing.T) {
	for body, good := range map[string]int{
		"":                                0,
		"abc":                             0,
		"4\xff":                           0,
		"4one\x1e":                        1,
		"4one\x1e4two\x1ex\x1e4late":      2,
		"4one\x1eb!\x1e4late":             1,
		strings.Repeat("4\x1e", 10) + "4": 10, // one more than MaxPackets
	} {
		b := newBench(t, Limits{})
		waiting := b.get()
		b.expect("POST", b.post(body), 200, "ok")
		b.expect("GET", await(t, "the answer", waiting), 200, "1")
		if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrParse) {
			t.Errorf("%q: Gone with %v", body, err)
		}
		if len(b.packets) != good {
			t.Errorf("%q: %d packets came", body, len(b.packets))
		}
	}
}

func TestClosePacketEndsTheSessionAndAnswersTheGetWithNoop(t *testing.T) {
	b := newBench(t, Limits{})
	waiting := b.get()
	b.expect("POST", b.post("4one\x1e1\x1e4late"), 200, "ok")
	b.expect("GET", await(t, "the answer", waiting), 200, "6")
	if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrClosedByPeer) {
		t.Errorf("Gone with %v", err)
	}
	if len(b.packets) != 1 {
		t.Errorf("%d packets came", len(b.packets))
	}
}

func TestClosePacketWithoutAGetEndsTheSession(t *testing.T) {
	b := newBench(t, Limits{})
	b.expect("POST", b.post("1"), 200, "ok")
	if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrClosedByPeer) {
		t.Errorf("Gone with %v", err)
	}
}

func TestOctetStreamIsRefused(t *testing.T) {
	for _, kind := range []string{"application/octet-stream", "Application/Octet-Stream ; x=y"} {
		b := newBench(t, Limits{})
		waiting := b.get()
		b.expect("POST", b.do(http.MethodPost, strings.NewReader("4x"), "Content-Type", kind), 400, "")
		b.expect("GET", await(t, "the answer", waiting), 200, "1")
		if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrViolation) || err.Error() != "invalid content" {
			t.Errorf("Gone with %v", err)
		}
	}
}

func TestBodyOverTheLimitIsRefusedAndTheSessionStays(t *testing.T) {
	b := newBench(t, Limits{MaxPayload: 1000})
	for _, size := range []int{1001, 5000, 1 << 20} {
		b.expect("POST", b.post("4"+strings.Repeat("x", size-1)), 413, "")
		chunked := io.MultiReader(strings.NewReader("4" + strings.Repeat("x", size-1)))
		b.expect("chunked POST", b.do(http.MethodPost, chunked), 413, "")
	}
	if len(b.packets) > 0 {
		t.Error("something was delivered")
	}
	b.expect("POST", b.post("4"+strings.Repeat("x", 999)), 200, "ok")
	chunked := io.MultiReader(strings.NewReader("4" + strings.Repeat("x", 999)))
	b.expect("chunked POST", b.do(http.MethodPost, chunked), 200, "ok")
	if len(b.packets) != 2 {
		t.Errorf("%d packets came", len(b.packets))
	}
	b.open()
}

func TestOtherMethodsAreAnsweredWith500(t *testing.T) {
	b := newBench(t, Limits{})
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodHead, http.MethodPatch} {
		b.expect(method, b.do(method, nil), 500, "")
	}
	b.open()
}

func TestAbortedGetEndsTheSession(t *testing.T) {
	b := newBench(t, Limits{})
	c := b.dial("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	await(t, "the GET waits", b.drained)
	_ = c.Close()
	if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrViolation) || err.Error() != "poll connection closed prematurely" {
		t.Errorf("Gone with %v", err)
	}
}

func TestAbortedPostEndsTheSession(t *testing.T) {
	for _, head := range []string{"Content-Length: 10\r\n\r\n4x", "Transfer-Encoding: chunked\r\n\r\n2\r\n4x\r\n"} {
		b := newBench(t, Limits{})
		waiting := b.get()
		c := b.dial("POST / HTTP/1.1\r\nHost: x\r\n" + head)
		_ = c.Close()
		if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrViolation) || err.Error() != "data request connection closed prematurely" {
			t.Errorf("Gone with %v", err)
		}
		b.expect("GET", await(t, "the answer", waiting), 200, "1")
		if len(b.packets) > 0 {
			t.Error("half a body was delivered")
		}
	}
}

func TestCloseAnswersTheWaitingGet(t *testing.T) {
	b := newBench(t, Limits{})
	waiting := b.get()
	b.Close()
	b.expect("GET", await(t, "the answer", waiting), 200, "1")
	await(t, "Gone", b.gone)
	b.Close()
}

func TestCloseWithoutAGetIsToldToTheNext(t *testing.T) {
	b := newBench(t, Limits{})
	waiting := b.get()
	b.send("buffered")
	b.Close()
	b.expect("GET", await(t, "the answer", waiting), 200, "4buffered")
	if len(b.gone) > 0 {
		t.Error("Gone before the client knows")
	}
	b.expect("next GET", b.do(http.MethodGet, nil), 200, "6\x1e1")
	await(t, "Gone", b.gone)
}

func TestNoopLetsAGetGo(t *testing.T) {
	b := newBench(t, Limits{})
	b.Noop()
	waiting := b.get()
	b.Noop()
	b.expect("GET", await(t, "the answer", waiting), 200, "6")
	b.open()
}

func TestRetiredTransportServesNobody(t *testing.T) {
	b := newBench(t, Limits{})
	waiting := b.get()
	b.Retire()
	b.expect("GET", await(t, "the answer", waiting), 200, "6")
	b.expect("next GET", b.do(http.MethodGet, nil), 400, "")
	b.expect("POST", b.post("4x"), 400, "")
	b.Close()
	if len(b.gone)+len(b.packets) > 0 {
		t.Error("the sink heard of it")
	}
}
