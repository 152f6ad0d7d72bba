package webtransport

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"parley/server/socketio"
)

const soon = 400 * time.Millisecond

func TestUpgradeTimeoutBoundsTheBeginning(t *testing.T) {
	w := newWorld(t, socketio.Options{UpgradeTimeout: soon})
	alive := w.proof()
	ends := func(what string, ctx context.Context) {
		t.Helper()
		select {
		case <-ctx.Done():
		case <-time.After(patience):
			t.Errorf("%s goes on", what)
		}
	}

	connection, err := quic.DialAddr(t.Context(), w.addr, w.dialer.TLSClientConfig, w.dialer.QUICConfig)
	if err != nil {
		t.Fatal(err)
	}
	ends("a connection without a session", connection.Context())

	session, _, err := w.session()
	if err != nil {
		t.Fatal(err)
	}
	ends("a session without a stream", session.Context())

	half := w.open()
	_, _ = half.Write([]byte("\x050{")) // which may be too late already
	half.gone()

	sid, _ := w.poll()
	probe := w.open(`0{"sid":"`+sid+`"}`, "2probe")
	probe.want("3probe")
	probe.gone()
	w.post(sid, "40")
	if got := w.get(sid); !strings.HasPrefix(got, "40{") {
		t.Errorf("the polling session gives %q", got)
	}
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
