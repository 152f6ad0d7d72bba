package redisstreams_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redisstreams"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// TestSync: after it everything published before, by anybody, has been given to the
// sockets of this server.
func TestSync(t *testing.T) {
	t.Parallel()
	s := sites(t, 2, redistest.Start(t).Client(t), options(), socketio.Recovery{})
	s[0].dial(socketiotest.State{})
	s[1].dial(socketiotest.State{})
	for round := range int64(20) {
		for range 50 {
			s[0].emit(1)
		}
		s[0].synced()
		if got := s[0].sent.Load(); got != 50*(round+1) {
			t.Fatalf("after Sync here %d of %d", got, 50*(round+1))
		}
		s[1].synced()
		if got := s[1].sent.Load(); got != 50*(round+1) {
			t.Fatalf("after Sync there %d of %d", got, 50*(round+1))
		}
	}
	if err := s[0].cluster.Sync(context.Background(), "/unknown"); err == nil {
		t.Error("a namespace that is not there")
	}
}

// TestQuestionsComeAfterWhatWasSentBefore though they take another way.
func TestQuestionsComeAfterWhatWasSentBefore(t *testing.T) {
	t.Parallel()
	s := sites(t, 2, redistest.Start(t).Client(t), options(), socketio.Recovery{})
	s[1].dial(socketiotest.State{})
	for i := range 50 {
		room := fmt.Sprint("room", i)
		if err := s[0].ns.To().Join(room); err != nil {
			t.Fatal(err)
		}
		found, err := s[0].ns.To(room).FetchSockets(s[0].within())
		if err != nil || len(found) != 1 {
			t.Fatalf("round %d: %d sockets, %v", i, len(found), err)
		}
	}
}

// TestEchoesAreReadTogether: who only sends does not ask for each of its own entries.
func TestEchoesAreReadTogether(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	cluster, err := redisstreams.New(client, options())
	if err != nil {
		t.Fatal(err)
	}
	server := socketio.New(&socketio.Options{Adapter: cluster.Adapter})
	ns := server.Of("/stage")
	defer func() {
		if err := errors.Join(server.Shutdown(context.Background()), cluster.Close(context.Background())); err != nil {
			t.Error(err)
		}
	}()
	if err := cluster.Sync(t.Context(), "/stage"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 1000 {
		if err := errors.Join(ns.Emit("e"), cluster.Flush(t.Context(), "/stage")); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	stats, err := client.InfoMap(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	var reads int64
	if _, err := fmt.Sscanf(stats["Commandstats"]["cmdstat_xread"], "calls=%d,", &reads); err != nil {
		t.Fatal(err)
	}
	if most := took.Milliseconds() + 20; reads > most {
		t.Errorf("%d readings in %v", reads, took)
	}
}

// TestAnswersThatCannotBeWritten come all the same, without their value: somebody waits.
func TestAnswersThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := sites(t, 2, redistest.Start(t).Client(t), options(), socketio.Recovery{})
	deep := json.RawMessage(strings.Repeat("[", 600) + strings.Repeat("]", 600))
	socketio.OnServerSideAck(s[1].ns, "deep", func(context.Context, socketio.None) (json.RawMessage, error) { return deep, nil })
	if got, err := socketio.ServerSideCall[socketio.None](s[0].within(), s[0].ns, "deep"); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if err := s[0].ns.Emit("deep", deep); err != nil { // reaches local sockets only
		t.Error(err)
	}
}

// TestNodeSession: a client that was cut from a Node server comes back here, as the guest
// that Node's sessions make of everybody.
func TestNodeSession(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opts := options()
	user := ""
	s := sites(t, 1, client, opts, socketio.Recovery{User: func(*socketio.Socket) string { return user }})[0]
	ctx := context.Background()
	add := func(nsp, uid, typ, data string) string {
		at, err := client.XAdd(ctx, &redis.XAddArgs{Stream: opts.StreamName, Values: []string{"uid", uid, "nsp", nsp, "type", typ, "data", data}}).Result()
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	broadcast := func(n int, opts string) string {
		return fmt.Sprintf(`{"packet":{"type":2,"data":["e",%d]},"opts":{%s}}`, n, opts)
	}
	const all = `"rooms":[],"except":[],"flags":{}`
	heard := add("/stage", "node", "3", broadcast(1, all))
	elsewhere := add("/", "node", "3", broadcast(1, all))
	add("/stage", "node", "3", broadcast(2, all))
	add("/stage", "node", "3", broadcast(3, `"rooms":["room1"],"except":[],"flags":{}`))
	add("/stage", "node", "3", broadcast(100, `"rooms":["other"],"except":[],"flags":{}`))
	add("/stage", "node", "3", broadcast(101, `"rooms":[],"except":["room1"],"flags":{}`))
	add("/stage", "node", "3", broadcast(102, `"rooms":[],"except":[],"flags":{"volatile":true}`))
	add("/stage", "node", "3", `{"packet":{"type":2,"data":["e",103],"id":0},"opts":{`+all+`}}`)
	add("/", "node", "3", broadcast(104, all))
	add("/stage", "node", "3", base64.StdEncoding.EncodeToString([]byte("\x82\xa6packet\x82\xa4type\x02\xa4data\x93\xa1e\x04\xc4\x01\x09\xa4opts\x83\xa5rooms\x90\xa6except\x90\xa5flags\x80")))
	s.synced()
	// {sid, pid, rooms, data} as the original writes it.
	const pid, record = "uPMrTIE3c_Izkj7XAAAB", "hKNzaWS0UnNzWE5KZkVaT25oNmZlZEFBQUGjcGlktHVQTXJUSUUzY19JemtqN1hBQUFCpXJvb21zkrRSc3NYTkpmRVpPbmg2ZmVkQUFBQaVyb29tMaRkYXRhgqR1c2VyonUxoW4D"
	save := func() {
		if err := client.Set(ctx, opts.SessionKeyPrefix+pid, record, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	}
	save()
	s.recovers(socketiotest.State{PID: pid, Offset: elsewhere}, false) // an offset of another namespace
	save()
	user = "ann"
	s.recovers(socketiotest.State{PID: pid, Offset: heard}, false)
	user = ""
	save()
	c := s.recovers(socketiotest.State{PID: pid, Offset: heard}, true)
	s.hears(c, 2, 3, 4)
	if c.ID() != "RssXNJfEZOnh6fedAAAA" {
		t.Errorf("id %s", c.ID())
	}
	socket := s.ns.Sockets()
	for _, one := range socket {
		if one.ID() == c.ID() && fmt.Sprint(one.Rooms()) != "[room1]" {
			t.Errorf("rooms %v", one.Rooms())
		}
	}
	s.emit(5)
	s.hears(c, 5)
	// And what this server saves, Node can read: the same members first.
	state := s.cut(c)
	s.synced()
	text, err := client.Get(ctx, opts.SessionKeyPrefix+state.PID).Result()
	packed, _ := base64.StdEncoding.DecodeString(text)
	if err != nil || !strings.HasPrefix(string(packed), "\x85\xa3sid\xb4RssXNJfEZOnh6fedAAAA\xa3pid\xb4uPMrTIE3c_Izkj7XAAAB\xa5rooms\x92\xb4RssXNJfEZOnh6fedAAAA\xa5room1\xa4data") {
		t.Errorf("saved %q, %v", packed, err)
	}
}

// TestSessionOfAnotherNamespace stays there.
func TestSessionOfAnotherNamespace(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	s := sites(t, 1, client, options(), socketio.Recovery{})[0]
	admin := s.server.Of("/admin")
	admin.EnableRecovery(socketio.Recovery{})
	s.emit(1)
	state := s.cut(s.dial(socketiotest.State{}))
	thief, err := socketiotest.Dial(s.within(), s.server, "/admin", &socketiotest.Options{Auth: state})
	if err != nil || thief.State().PID == state.PID {
		t.Fatalf("recovered in another namespace: %v", err)
	}
	s.recovers(state, true)
}

// TestEntriesAreThoseOfNode, field by field.
func TestEntriesAreThoseOfNode(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opts := options()
	s := sites(t, 1, client, opts, socketio.Recovery{})[0]
	plain := s.server.Of("/plain")
	for _, err := range []error{
		plain.To("room1").Except("x").Emit("r", 1.0, "<&>", nil),
		plain.Volatile().Emit("v"),
		plain.To().Compress(false).Emit("c", []byte{1}),
		plain.To("room1").Join("a", "b"),
		plain.To().Leave("a"),
		plain.To("a").Disconnect(true),
		plain.ServerSideEmit("s", 1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.cluster.Sync(s.within(), "/plain"); err != nil {
		t.Fatal(err)
	}
	reply, err := client.Do(context.Background(), "XRANGE", opts.StreamName, "-", "+").Slice()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range reply {
		fields := entry.([]any)[1].([]any)
		if fields[0] == "uid" {
			got = append(got, fmt.Sprint(fields[2:]))
		}
	}
	want := []string{
		`[nsp /plain type 3 data {"packet":{"type":2,"data":["r",1,"<&>",null]},"opts":{"rooms":["room1"],"except":["x"],"flags":{}}}]`,
		`[nsp /plain type 3 data {"packet":{"type":2,"data":["v"]},"opts":{"rooms":[],"except":[],"flags":{"volatile":true}}}]`,
		`[nsp /plain type 3 data gqZwYWNrZXSCpHR5cGUCpGRhdGGSoWPEAQGkb3B0c4Olcm9vbXOQpmV4Y2VwdJClZmxhZ3OBqGNvbXByZXNzwg==]`,
		`[nsp /plain type 4 data {"opts":{"rooms":["room1"],"except":[],"flags":{}},"rooms":["a","b"]}]`,
		`[nsp /plain type 5 data {"opts":{"rooms":[],"except":[],"flags":{}},"rooms":["a"]}]`,
		`[nsp /plain type 6 data {"opts":{"rooms":["a"],"except":[],"flags":{}},"close":true}]`,
		`[nsp /plain type 9 data {"packet":["s",1]}]`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestSecrets: who has another secret, or none, is not heard, and cannot take a session.
func TestSecrets(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opts := options()
	opts.Secret = []byte("one secret of 16 bytes and more")
	s := sites(t, 2, client, opts, socketio.Recovery{})
	other := *opts
	other.Secret = []byte("another secret of 16 bytes")
	stranger := sites(t, 1, client, &other, socketio.Recovery{})[0]
	c := s[1].dial(socketiotest.State{})
	stranger.emit(100)
	if err := stranger.ns.ServerSideEmit("x"); err != nil {
		t.Fatal(err)
	}
	s[0].emit(1)
	s[1].hears(c, 1)
	state := s[1].cut(c)
	s[1].synced()
	s[0].emit(2)
	stranger.recovers(state, false)
	s[0].synced()
	if s[1].cluster.Health().BadMessages == 0 {
		t.Error("forged messages were not counted")
	}
}

// TestAnEarlierServerEndsNoLaterStay: what a client has left behind at another server stays when the first one stops waiting.
func TestAnEarlierServerEndsNoLaterStay(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	ctx := context.Background()
	for later, opts := range map[bool]*redisstreams.Options{true: options(), false: options()} {
		s := sites(t, 2, client, opts, socketio.Recovery{MaxSessions: 1})
		state := s[0].cut(s[0].dial(socketiotest.State{}))
		if later {
			state = s[1].cut(s[1].recovers(state, true))
		}
		key := opts.SessionKeyPrefix + state.PID
		s[0].until("the session is saved", func() bool { return client.Exists(ctx, key).Val() == 1 })
		looks := func() int { return strings.Count(client.Info(ctx, "commandstats").Val(), "cmdstat_get:calls=") }
		if err := client.ConfigResetStat(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		s[0].dial(socketiotest.State{}).Abort() // there is no room for two
		s[0].until("the first is looked for", func() bool { return looks() > 0 })
		if !later {
			s[0].until("it is discarded", func() bool { return client.Exists(ctx, key).Val() == 0 })
		}
		s[0].synced()
		s[1].recovers(state, later)
	}
}
