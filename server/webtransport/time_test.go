package webtransport

import (
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"parley/server/socketio"
)

const soon = 150 * time.Millisecond

func TestUpgradeTimeoutBoundsTheBeginning(t *testing.T) {
	w := newWorld(t, socketio.Options{UpgradeTimeout: soon})
	alive := w.proof()
	t.Run("no stream", func(t *testing.T) {
		session, _, err := w.session()
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-session.Context().Done():
		case <-time.After(patience):
			t.Error("the session goes on")
		}
	})
	t.Run("no session", func(t *testing.T) {
		c, err := quic.DialAddr(t.Context(), w.addr, w.dialer.TLSClientConfig, w.dialer.QUICConfig)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-c.Context().Done():
		case <-time.After(patience):
			t.Error("the connection goes on")
		}
	})
	t.Run("half a packet", func(t *testing.T) {
		c := w.open()
		c.raw([]byte("\x050{"))
		c.gone()
	})
	t.Run("no upgrade", func(t *testing.T) {
		sid, _ := w.poll()
		c := w.open(`0{"sid":"`+sid+`"}`, "2probe")
		c.want("3probe")
		c.gone()
		w.post(sid, "40")
		if got := w.get(sid); !strings.HasPrefix(got, "40{") {
			t.Errorf("the polling session gives %q", got)
		}
	})
	alive() // far older than UpgradeTimeout
}

func TestReadTimeoutBoundsAPacket(t *testing.T) {
	w := newWorld(t, socketio.Options{ReadTimeout: soon})
	alive := w.proof()
	c := w.connect()
	c.raw([]byte("\x05"))
	c.gone()
	w.reason("transport error")
	alive()
}

func TestWriteTimeoutEndsAClientThatDoesNotRead(t *testing.T) {
	w := newWorld(t, socketio.Options{WriteTimeout: soon, SendQueueBytes: 64 << 20})
	alive := w.proof()
	w.connect().send(`42["flood",10]`)
	w.reason("slow consumer")
	alive()
}
