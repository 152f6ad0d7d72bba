package nodewire

import (
	"bytes"
	"embed"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"parley/adapters/cluster"
)

// What the originals have sent: a line with the call, then one for each message.
//
//go:embed testdata/*.txt
var captured embed.FS

// A capture is one message of an original.
type capture struct {
	call, channel string
	data          []byte
	entry         Entry // of a stream, instead of a channel
}

func captures(t testing.TB, file string) (all []capture) {
	t.Helper()
	text, err := captured.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	call := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			call = line
			continue
		}
		c := capture{call: call}
		if fields := strings.SplitN(line, " ", 14); fields[0] == "XADD" {
			c.entry = Entry{UID: fields[7], Namespace: fields[9], Type: fields[11], Data: []byte(fields[13])}
		} else {
			channel, data, _ := strings.Cut(line, " ")
			c.channel, c.data = channel, []byte(data)
			if data[0] != '{' {
				if c.data, err = hex.DecodeString(data); err != nil {
					t.Fatal(line, err)
				}
			}
		}
		all = append(all, c)
	}
	return all
}

// differs lists the calls whose messages cannot come out as they went in, and why.
var differs = map[string]string{
	`# A: io.emit("date", new Date(1700000000123), undefined, {u:undefined})`:               "dates are text",
	`# A: io.emit("datebin", new Date(1700000000123), undefined, {u:undefined}, Buffer[1])`: "dates are text",
	`# emit("d",Date(1700000000123))`:                                                       "dates are text",
	`# A: io.emit("ab", ArrayBuffer[7,8])`:                                                  "Node has lost the binary, and packed what is left",
	`# A: io.to(123).emit("num")`:                                                           "rooms are text",
	`# A: sa.emit("uniack",2,cb)   [unicast with ack]`:                                      "nobody waits for the acknowledgement",
}

// same reports whether a message is to come out byte for byte.
func (c capture) same(m cluster.Message) bool {
	return differs[c.call] == "" && m.Kind != cluster.SocketList // whose headers have no order
}

// checkAgain encodes a message that was read and reads that.
func checkAgain(t *testing.T, c capture, m cluster.Message, write func(dst []byte, m *cluster.Message) ([]byte, error), read func([]byte) (cluster.Message, error)) {
	t.Helper()
	data, err := write([]byte("kept"), &m)
	if err != nil || !bytes.HasPrefix(data, []byte("kept")) {
		t.Errorf("%s: %+v: %v", c.call, m, err)
		return
	}
	data = data[4:]
	if c.same(m) && !bytes.Equal(data, c.data) {
		t.Errorf("%s: read\n%s\n%x\nand wrote\n%s\n%x", c.call, c.data, c.data, data, data)
	}
	again, err := read(data)
	if err != nil || !reflect.DeepEqual(m, again) {
		t.Errorf("%s: wrote %s, read %+v, %v; want %+v", c.call, data, again, err, m)
	}
}

func TestClassicAsCaptured(t *testing.T) {
	var wire Classic
	for _, c := range append(captures(t, "classic.txt"), captures(t, "emitter-classic.txt")...) {
		read, write := wire.ParseBroadcast, wire.AppendBroadcast
		switch {
		case strings.HasPrefix(c.channel, "socket.io-request#"):
			read, write = wire.ParseRequest, wire.AppendRequest
		case strings.HasPrefix(c.channel, "socket.io-response#"):
			read, write = wire.ParseAnswer, wire.AppendAnswer
		}
		m, err := read(c.data)
		if err != nil {
			t.Errorf("%s: %s: %v", c.call, c.data, err)
			continue
		}
		if from := wire.From(c.data); m.Kind == cluster.Broadcast && m.Request == "" && string(from) != m.From {
			t.Errorf("%s: from %q", c.call, from)
		}
		if strings.HasPrefix(c.channel, "socket.io-request#/#") && m.From == "" {
			m.From = Emitter // says so on the other wires
			if again, err := wire.AppendRequest(nil, &m); err != nil || !bytes.Equal(again, c.data) {
				t.Errorf("%s: wrote %s, %v", c.call, again, err)
			}
			continue
		}
		checkAgain(t, c, m, write, read)
	}
}

func TestShardedAsCaptured(t *testing.T) {
	var wire Sharded
	for _, c := range captures(t, "sharded.txt") {
		m, err := wire.Parse(c.data)
		if err != nil {
			t.Errorf("%s: %s: %v", c.call, c.data, err)
			continue
		}
		checkAgain(t, c, m, wire.Append, wire.Parse)
	}
}

func TestStreamsAsCaptured(t *testing.T) {
	var wire Streams
	for _, c := range append(captures(t, "streams.txt"), captures(t, "emitter-streams.txt")...) {
		if c.entry.UID == "" {
			m, err := wire.Parse(c.data)
			if err != nil {
				t.Errorf("%s: %x: %v", c.call, c.data, err)
				continue
			}
			checkAgain(t, c, m, wire.Append, wire.Parse)
			continue
		}
		m, _, err := wire.ParseEntry(c.entry)
		if err != nil {
			t.Errorf("%s: %s: %v", c.call, c.entry.Data, err)
			continue
		}
		e, err := wire.Entry(&m)
		if err != nil || c.same(m) && !reflect.DeepEqual(e, c.entry) {
			t.Errorf("%s: read\n%s\nand wrote\n%s\n%v", c.call, c.entry, e, err)
			continue
		}
		again, _, err := wire.ParseEntry(e)
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Errorf("%s: wrote %s, read %+v, %v; want %+v", c.call, e, again, err, m)
		}
	}
}
