package nodewire

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"parley/adapters/cluster"
	"parley/server/adapter"
)

func broadcast(args string, attachments ...[]byte) *cluster.Message {
	return &cluster.Message{
		Kind: cluster.Broadcast, Namespace: "/", From: "abcdef",
		Payload: adapter.Payload{Data: []byte(`["e",` + args + `]`), Attachments: attachments},
	}
}

// Each value as notepack.io and as @msgpack/msgpack write it, which decide the bytes.
func TestValuesAsTheOriginalsPackThem(t *testing.T) {
	for _, v := range []struct{ json, notepack, msgpack string }{
		{"0", "00", ""}, {"127", "7f", ""}, {"128", "cc80", ""}, {"255", "ccff", ""}, {"256", "cd0100", ""},
		{"65536", "ce00010000", ""}, {"4294967296", "cf0000000100000000", ""},
		{"9007199254740991", "cf001fffffffffffff", ""},
		{"9007199254740992", "cf0020000000000000", "cb4340000000000000"},
		{"1e17", "cf016345785d8a0000", "cb4376345785d8a000"},
		{"1e20", "cb4415af1d78b58c40", ""}, // notepack.io itself writes another number
		{"-1", "ff", ""}, {"-32", "e0", ""}, {"-33", "d0df", ""}, {"-129", "d1ff7f", ""}, {"-32769", "d2ffff7fff", ""},
		{"-2147483649", "d3ffffffff7fffffff", ""}, {"-9007199254740992", "d3ffe0000000000000", "cbc340000000000000"},
		{"1.5", "cb3ff8000000000000", ""}, {"1.0", "01", ""}, {"-0", "00", ""}, {"-0.0", "00", ""},
		{"1e400", "cb7ff0000000000000", ""}, {"1e-400", "00", ""},
		{"null", "c0", ""}, {`"\ud800"`, "a3efbfbd", ""},
		{`{"__proto__":{"admin":true},"a":1}`, "81a16101", ""},
		{`{"\u005f_proto__":[{"_placeholder":true,"num":0}],"a":1}`, "81a16101", ""},
		{`{"a":1,"a":2}`, "82a16101a16102", ""},
		{`{"_placeholder":true,"num":0}`, "c40109", ""},
		{`{"\u005fplaceholder":true,"num":0}`, "82ac5f706c616365686f6c64657201a36e756d00", ""},
		{`[[{"num":0,"_placeholder":true}]]`, "9191c40109", ""},
		{" [ 1 , { } ] ", "920180", ""},
	} {
		m := broadcast(v.json + `,{"_placeholder":true,"num":0}`)
		m.Payload.Attachments = [][]byte{{9}}
		if v.msgpack == "" {
			v.msgpack = v.notepack
		}
		for wire, want := range map[string]string{"classic": v.notepack, "sharded": v.notepack, "streams": v.msgpack} {
			data, err := map[string]func([]byte, *cluster.Message) ([]byte, error){
				"classic": Classic{}.AppendBroadcast, "sharded": Sharded{}.Append, "streams": Streams{}.Append,
			}[wire](nil, m)
			if want = "93a165" + want + "c40109"; err != nil || !strings.Contains(hex.EncodeToString(data), want) {
				t.Errorf("%s: %s became %x, %v; want %s in it", wire, v.json, data, err, want)
			}
		}
	}
}

func TestWhatNodeWrites(t *testing.T) {
	for packed, want := range map[string]string{
		"d7ff1d5353006553f100":   `"2023-11-14T22:13:20.123Z"`, // a date, by notepack.io 3
		"d700000000000000007b":   `"1970-01-01T00:00:00.123Z"`, // and by notepack.io 2
		"d4000000":               "",                           // trailing byte
		"d40000":                 "null",
		"81a161d40000":           "{}",
		"a3eda080":               `"` + "\uFFFD" + `"`,
		"8101c0":                 `{"1":null}`,
		"81cb3ff8000000000000c0": `{"1.5":null}`,
		"81c0c0":                 "",
		"cb7ff8000000000000":     "null",
	} {
		data, _ := hex.DecodeString("93a6" + hex.EncodeToString([]byte("abcdef")) + "82a47479706502a46461746192a165" + packed + "80")
		m, err := Classic{}.ParseBroadcast(data)
		if want == "" {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", packed, err)
			}
		} else if err != nil || string(m.Payload.Data) != `["e",`+want+`]` {
			t.Errorf("%s became %s, %v; want %s", packed, m.Payload.Data, err, want)
		}
	}
}

func TestLegacyRequests(t *testing.T) {
	for text, want := range map[string]cluster.Message{
		`{"uid":"zzzzzz","requestId":"r1","type":0,"rooms":[]}`: {Kind: cluster.ListIDs, From: "zzzzzz", Request: "r1"},
		`{"requestId":"r1","type":0,"rooms":["a",7]}`:           {Kind: cluster.ListIDs, Request: "r1", Selection: adapter.Selection{Rooms: []string{"a", "7"}}},
		`{"uid":"z","requestId":"r2","type":2,"sid":"s","room":"lr"}`: {
			Kind: cluster.Join, From: "z", Request: "r2", Selection: adapter.Selection{Rooms: []string{"s"}}, Rooms: []string{"lr"},
		},
		`{"requestId":"r2","type":4,"sid":"s","close":true}`: {Kind: cluster.Disconnect, Request: "r2", Selection: adapter.Selection{Rooms: []string{"s"}}, Transport: true},
		`{"requestId":"r2","type":4,"opts":{}}`:              {Kind: cluster.Disconnect},
		`{"type":2,"opts":{"rooms":[],"except":null,"flags":{"volatile":false,"compress":false,"timeout":1.5}},"rooms":["j"]}`: {
			Kind: cluster.Join, Rooms: []string{"j"}, Flags: adapter.Flags{Uncompressed: true, Timeout: time.Millisecond},
		},
		`{"uid":"z","requestId":"r9","type":42}`: {}, `{"requestId":"r9"}`: {}, `{}`: {}, ``: {}, `{"type":5}`: {}, `{"type":6,"data":{}}`: {}, `{"type":6}`: {},
		`{"type":7,"requestId":"r","packet":{}}`: {}, `{"type":2,"opts":[],"rooms":[]}`: {}, `{"type":2,"opts":{"rooms":"a"}}`: {}, `{"type":2,"rooms":[{}]}`: {},
		`{"type":2,"rooms":[true]}`: {}, `{"type":1}x`: {}, `{"type":1`: {}, `{"type":-1,"requestId":"r"}`: {}, `{"type":1.5,"requestId":"r"}`: {},
	} {
		m, err := Classic{}.ParseRequest([]byte(text))
		if (err == nil) != (want.Kind != 0) || err == nil && !reflect.DeepEqual(m, want) {
			t.Errorf("%s became %+v, %v", text, m, err)
		}
	}
}

// TestMessagesWithoutOptsAreNone: taken for empty opts, they would be for everybody.
func TestMessagesWithoutOptsAreNone(t *testing.T) {
	refused := func(what string, m cluster.Message, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: read as %+v", what, m)
		}
	}
	for _, text := range []string{
		`{"uid":"x","type":2,"rooms":["r"]}`, `{"uid":"x","type":3,"rooms":["r"],"opts":null}`, `{"uid":"x","type":4}`,
		`{"uid":"x","type":4,"sid":"","close":true}`, `{"uid":"x","type":5,"requestId":"q"}`,
		`{"uid":"x","type":7,"requestId":"q","packet":{"type":2,"data":["e"],"nsp":"/"}}`,
	} {
		m, err := Classic{}.ParseRequest([]byte(text))
		refused(text, m, err)
	}
	m, err := Classic{}.ParseBroadcast([]byte("\x92\xa1x\x82\xa4type\x02\xa4data\x91\xa1e"))
	refused("broadcast", m, err)
	for kind, content := range map[string]string{
		"3": `{"packet":{"type":2,"data":["e"]}}`, "4": `{"rooms":["r"]}`, "5": `{"rooms":["r"],"opts":null}`, "6": `{"close":true}`,
	} {
		m, _, err := Streams{}.ParseEntry(Entry{UID: "x", Namespace: "/", Type: kind, Data: []byte(content)})
		refused("entry "+kind, m, err)
		text := `{"uid":"x","nsp":"/","type":` + kind + `,"data":` + content + `}`
		m, err = Sharded{}.Parse([]byte(text))
		refused(text, m, err)
	}
}

func TestAnswersOfOneValue(t *testing.T) {
	for args, want := range map[string]string{
		`[]`: `[]`, `[null]`: `[null]`, `[1]`: `[1]`, `[[1,2]]`: `[[1,2]]`, `[1,2]`: `[1]`, `[ {"a":1} , 2]`: `[{"a":1}]`,
		`[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`: `[{"_placeholder":true,"num":0}]`,
	} {
		m := &cluster.Message{Kind: cluster.Answer, Namespace: "/", From: "f", Request: "r", Payload: adapter.Payload{Data: []byte(args)}}
		binary := strings.Contains(args, "num")
		if binary {
			m.Payload.Attachments = [][]byte{{1}, {2}}
		}
		for name, wire := range wires() {
			data, err := wire.answer(nil, m)
			if err != nil {
				t.Fatal(name, args, err)
			}
			want := want
			if name == "streams" && args == "[]" {
				want = "[null]" // its library has no undefined
			}
			got, err := wire.parseAnswer(data)
			if err != nil || string(got.Payload.Data) != want || binary && !reflect.DeepEqual(got.Payload.Attachments, [][]byte{{2}}) {
				t.Errorf("%s: %s became %+v, %v", name, args, got, err)
			}
		}
	}
}

// A wire has the same shape for tests.
type wire struct {
	broadcast, ask, answer                func([]byte, *cluster.Message) ([]byte, error)
	parseBroadcast, parseAsk, parseAnswer func([]byte) (cluster.Message, error)
}

func wires() map[string]wire {
	var c Classic
	var s Sharded
	var x Streams
	return map[string]wire{
		"classic": {c.AppendBroadcast, c.AppendRequest, c.AppendAnswer, c.ParseBroadcast, c.ParseRequest, c.ParseAnswer},
		"sharded": {s.Append, s.Append, s.Append, s.Parse, s.Parse, s.Parse},
		"streams": {x.Append, x.Append, x.Append, x.Parse, x.Parse, x.Parse},
	}
}

func TestWhatIsNotWritten(t *testing.T) {
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	many := make([][]byte, 1001)
	for what, m := range map[string]*cluster.Message{
		"too deep":            broadcast(deep),
		"no JSON":             broadcast("}"),
		"no UTF-8":            broadcast("\"\xff\""),
		"too many":            broadcast("1", many...),
		"attachment missing":  broadcast(`{"_placeholder":true,"num":3}`, []byte{1}),
		"no event":            {Kind: cluster.Broadcast, Payload: adapter.Payload{Data: []byte(`{}`)}},
		"no name":             {Kind: cluster.Broadcast, Payload: adapter.Payload{Data: []byte(`[]`)}},
		"no name but null":    {Kind: cluster.Broadcast, Payload: adapter.Payload{Data: []byte(`[null]`)}},
		"reserved":            {Kind: cluster.Broadcast, Payload: adapter.Payload{Data: []byte(`["connect"]`)}},
		"reserved for server": {Kind: cluster.ServerSide, Payload: adapter.Payload{Data: []byte(`["error"]`)}},
		"nothing":             {},
		"another wire's":      {Kind: cluster.RoomList + 100, Request: "r"},
	} {
		for name, wire := range wires() {
			write := wire.broadcast
			if m.Kind != cluster.Broadcast {
				write = wire.ask
			}
			if data, err := write([]byte("kept"), m); err == nil || string(data) != "kept" {
				t.Errorf("%s: %s: wrote %q, %v", name, what, data, err)
			}
		}
		if _, err := (Streams{}).Entry(m); err == nil {
			t.Errorf("%s: became an entry", what)
		}
	}
	limits := Limits{Depth: 3, Rooms: 1, Bytes: 200, Attachments: 1}
	if _, err := (Sharded{limits}).Append(nil, broadcast("[[[]]]")); err == nil {
		t.Error("deeper than Limits.Depth")
	}
	for _, text := range []string{
		`{"type":4,"data":{"opts":{"rooms":[]},"rooms":["a","b"]},"uid":"u","nsp":"/"}`,
		`{"type":9,"data":{"packet":["` + strings.Repeat("x", 200) + `"]},"uid":"u","nsp":"/"}`,
	} {
		var beyond *LimitError
		if _, err := (Sharded{limits}).Parse([]byte(text)); !errors.As(err, &beyond) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSocketDescriptions(t *testing.T) {
	at := time.UnixMilli(1795342780190)
	s := adapter.Socket{
		ID: "1dQUMJOVUpQH8dj-AAAB",
		Handshake: adapter.Handshake{
			Header: map[string][]string{"Host": {"h:1"}, "Origin": {"http://o"}, "Cookie": {"a=1", "b=2"}, "X-A": {"1", "2"}, "X-B": {"caf\xe9"}, "X-C": {"é"}},
			Query:  map[string][]string{"EIO": {"4"}, "x": {"1", "2"}},
			Time:   at, RemoteAddr: "[::1]:77", Secure: true, URL: "/socket.io/?EIO=4&x=1&x=2", Auth: []byte(`{"t":[1]}`),
		},
		Rooms: []string{"1dQUMJOVUpQH8dj-AAAB", "r"},
		Data:  []byte(`{"user":"u1"}`),
	}
	const want = `{"requestId":"q","sockets":[{"id":"1dQUMJOVUpQH8dj-AAAB","handshake":{"headers":{"cookie":"a=1; b=2","host":"h:1","origin":"http://o","x-a":"1, 2","x-b":"café","x-c":"Ã©"},` +
		`"time":"Sun Nov 22 2026 10:19:40 GMT+0000 (Coordinated Universal Time)","address":"::1","xdomain":true,"secure":true,"issued":1795342780190,` +
		`"url":"/socket.io/?EIO=4&x=1&x=2","query":{"EIO":"4","x":"1"},"auth":{"t":[1]}},"rooms":["1dQUMJOVUpQH8dj-AAAB","r"],"data":{"user":"u1"}}]}`
	m := &cluster.Message{Kind: cluster.SocketList, Namespace: "/", From: "u", Request: "q", Sockets: []adapter.Socket{s, {ID: "x", Data: []byte("1")}}}
	m.Sockets = m.Sockets[:1]
	data, err := Classic{}.AppendAnswer(nil, m)
	if err != nil || string(data) != want {
		t.Fatalf("%s, %v", data, err)
	}
	for name, wire := range wires() {
		if data, err = wire.answer(nil, m); err != nil {
			t.Fatal(name, err)
		}
		got, err := wire.parseAnswer(data)
		if err != nil || len(got.Sockets) != 1 {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		back := got.Sockets[0]
		h := back.Handshake
		if back.ID != s.ID || !reflect.DeepEqual(back.Rooms, s.Rooms) || string(back.Data) != string(s.Data) || !h.Time.Equal(at) || string(h.Auth) != `{"t":[1]}` ||
			h.RemoteAddr != "[::1]:0" || !h.Secure || h.URL != s.Handshake.URL || h.Header.Get("Cookie") != "a=1; b=2" ||
			h.Header.Get("X-B") != "caf\xe9" || h.Header.Get("X-C") != "é" || h.Query.Get("x") != "1" {
			t.Errorf("%s: %+v", name, back)
		}
	}
}

// TestOddRoomsOfNode: a JavaScript application may name a room undefined, or by an object. It
// costs nothing but that room.
func TestOddRoomsOfNode(t *testing.T) {
	nobody := adapter.Selection{Rooms: []string{"undefined"}, Except: []string{"undefined"}}
	for opts, want := range map[string]adapter.Selection{
		`{"rooms":["a",null,5],"except":[]}`: {Rooms: []string{"a", "5"}},
		`{"rooms":[],"except":[null,"b"]}`:   {Except: []string{"b"}},
		`{"except":["b"],"rooms":[null]}`:    nobody,
		`{"rooms":[{"a":1},true]}`:           nobody,
		`{"rooms":[]}`:                       {},
	} {
		m, err := Classic{}.ParseRequest([]byte(`{"uid":"x","type":2,"opts":` + opts + `,"rooms":[null,"r"]}`))
		if err != nil || !reflect.DeepEqual(m.Selection, want) || !reflect.DeepEqual(m.Rooms, []string{"r"}) {
			t.Errorf("%s: %+v, %v", opts, m, err)
		}
		text := `{"uid":"x","nsp":"/","type":3,"data":{"packet":{"type":2,"data":["e"]},"opts":` + opts + `}}`
		if m, err = (Sharded{}).Parse([]byte(text)); err != nil || !reflect.DeepEqual(m.Selection, want) {
			t.Errorf("%s: %+v, %v", text, m, err)
		}
	}
	answer := `{"requestId":"q","sockets":[{"id":"s","handshake":{"address":null,"url":null},"rooms":["s",null,{"a":[1]},true,7],"data":{}}]}`
	m, err := Classic{}.ParseAnswer([]byte(answer))
	if err != nil || len(m.Sockets) != 1 || !reflect.DeepEqual(m.Sockets[0].Rooms, []string{"s", "7"}) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestSessions(t *testing.T) {
	// As captured from @socket.io/redis-streams-adapter 0.3.1.
	const nodes = "hKNzaWS0UnNzWE5KZkVaT25oNmZlZEFBQUGjcGlktHVQTXJUSUUzY19JemtqN1hBQUFCpXJvb21zkrRSc3NYTkpmRVpPbmg2ZmVkQUFBQaVyb29tMaRkYXRhgqR1c2VyonUxoW4D"
	v, namespace, err := Streams{}.ParseSession([]byte(nodes))
	want := adapter.Session{
		ID: "RssXNJfEZOnh6fedAAAA", PID: "uPMrTIE3c_Izkj7XAAAB", Rooms: []adapter.Stay{{Room: "room1"}},
		Data: map[string]json.RawMessage{"user": json.RawMessage(`"u1"`), "n": json.RawMessage("3")},
	}
	if err != nil || namespace != "" || !reflect.DeepEqual(v, want) {
		t.Fatalf("%+v, %v, %v", v, namespace, err)
	}
	want.User, want.Since, want.Came = "ann", "5-1", "4-0"
	want.Rooms = append(want.Rooms, adapter.Stay{Room: "left", From: "1-0", To: "2-0"}, adapter.Stay{Room: "later", From: "3-0"})
	text, err := Streams{}.AppendSession(nil, "/chat", want)
	if err != nil {
		t.Fatal(err)
	}
	if v, namespace, err = (Streams{}).ParseSession(text); err != nil || namespace != "/chat" || !reflect.DeepEqual(v, want) {
		t.Errorf("%+v, %v, %v", v, namespace, err)
	}
	for _, bad := range []string{"", "!", "gA==", nodes[:40]} {
		if _, _, err := (Streams{}).ParseSession([]byte(bad)); err == nil {
			t.Errorf("%q is a session", bad)
		}
	}
}

func TestStreamIndex(t *testing.T) {
	for namespace, want := range map[string][3]int{ // of 2, 4 and 5 streams
		"/": {1, 3, 2}, "/custom": {0, 0, 4}, "/chat": {1, 3, 3}, "/notifications": {-1, -3, -1},
		"/dashboard": {-1, -3, -1}, "/tenant-1234": {0, -2, -3}, "/é": {0, 2, 0}, "/😀": {0, 2, 1},
	} {
		for i, count := range []int{2, 4, 5} {
			got, negative := Streams{}.Index(namespace, count)
			if negative {
				got = -got
			}
			if got != want[i] {
				t.Errorf("%s of %d: %d, want %d", namespace, count, got, want[i])
			}
		}
	}
}
