package transport

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"parley/server/wire/eio"
)

// sizes are around the borders of the three classes of frame length.
var sizes = []int{0, 1, 2, 123, 124, 125, 126, 127, 128, 1000, 65533, 65534, 65535, 65536, 65537, 1 << 20}

func TestTextIsAMessagePacketOnBothTransports(t *testing.T) {
	for _, n := range sizes {
		text := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		// Whether the buffer was large enough must not matter.
		for _, hint := range []int{0, n, 2 * n} {
			m := Text(append(NewBuffer(hint), text...))
			if m.Len() != n+1 || m.IsBinary() || m.Type() != eio.Message {
				t.Fatalf("%d bytes: length %d, binary %v, type %v", n, m.Len(), m.IsBinary(), m.Type())
			}
			got := m.AppendPolling([]byte("before"))
			if string(got) != "before4"+text || m.PollingLen() != n+1 {
				t.Fatalf("%d bytes: bad polling form of length %d", n, m.PollingLen())
			}
			if !bytes.HasSuffix(m.Frame(), []byte("4"+text)) {
				t.Fatalf("%d bytes: bad frame", n)
			}
		}
	}
}

func TestBinaryIsCopiedAndBase64OnPolling(t *testing.T) {
	for _, n := range sizes {
		data := bytes.Repeat([]byte{0xfb, 0xff, 0x1e, 0}, n/4+1)[:n]
		m := Binary(data)
		want := "b" + base64.StdEncoding.EncodeToString(data)
		clear(data)
		if got := string(m.AppendPolling(nil)); got != want || m.PollingLen() != len(want) {
			t.Fatalf("%d bytes: %.40q, want %.40q", n, got, want)
		}
		if m.Len() != n || !m.IsBinary() || m.Type() != eio.Message {
			t.Fatalf("%d bytes: length %d, binary %v, type %v", n, m.Len(), m.IsBinary(), m.Type())
		}
		p, err := eio.Parse([]byte(want))
		if err != nil || !p.Binary || len(p.Data) != n {
			t.Fatalf("%d bytes: read back as %v %v", n, p, err)
		}
	}
}

func TestControlPackets(t *testing.T) {
	for want, m := range map[string]Message{
		"0{}":    Control(eio.Open, "{}"),
		"1":      Control(eio.Close, ""),
		"2":      Control(eio.Ping, ""),
		"3probe": Control(eio.Pong, "probe"),
		"6":      Control(eio.Noop, ""),
	} {
		if got := string(m.AppendPolling(nil)); got != want || m.Len() != len(want) || m.IsBinary() {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBuildingAMessageAllocatesOnce(t *testing.T) {
	text := strings.Repeat("x", 100)
	if n := testing.AllocsPerRun(100, func() { _ = Text(append(NewBuffer(len(text)), text...)).Frame() }); n > 1 {
		t.Errorf("%v allocations for a text", n)
	}
	data := []byte(text)
	if n := testing.AllocsPerRun(100, func() { _ = Binary(data).Frame() }); n > 1 {
		t.Errorf("%v allocations for a binary message", n)
	}
}

func TestViolationIsATransportError(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", Violation("some rule"))
	if !errors.Is(err, ErrViolation) || errors.Is(err, ErrParse) || !strings.Contains(err.Error(), "some rule") {
		t.Errorf("%v", err)
	}
}

func TestBinaryInTheFormsOfAWebSocket(t *testing.T) {
	for _, n := range sizes {
		data := string(bytes.Repeat([]byte{0xfb, 0xff, 0x1e, 0}, n/4+1)[:n])
		text := base64.StdEncoding.EncodeToString([]byte(data))
		for form, want := range map[BinaryForm]struct {
			first   byte
			payload string
		}{
			Plain:    {finBinary, data},
			PlainV3:  {finBinary, "\x04" + data},
			Base64:   {finText, "b" + text},
			Base64V3: {finText, "b4" + text},
		} {
			m := Binary([]byte(data)).InForm(form)
			if got := m.Frame(); got[0] != want.first || !bytes.HasSuffix(got, []byte(want.payload)) || m.Len() != len(want.payload) || m.Type() != eio.Message {
				t.Fatalf("%d bytes in form %d: frame %.20x of length %d", n, form, got, m.Len())
			}
			if again := m.InForm(form); form != Plain && &again.Frame()[0] != &m.Frame()[0] {
				t.Fatalf("form %d was applied twice", form)
			}
		}
	}
	m := Text(append(NewBuffer(1), "x"...))
	if p := m.InForm(Base64V3).Packet(); p.Binary || p.Type != eio.Message || string(p.Data) != "x" {
		t.Errorf("text became %+v", p)
	}
}
