package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

const wsQueryV3 = "EIO=3&transport=websocket"

// openWSV3 opens a session of Engine.IO 3, which the server joins to "/".
func openWSV3(t testing.TB, srv *server) (c *wsConn, sid string) {
	t.Helper()
	c = dialWS(t, srv, wsQueryV3)
	sid = parseHandshake(t, c.text()).SID
	c.want("40", `42["welcome",{"id":"`+sid+`","auth":{}}]`)
	return c, sid
}

func TestNamespacesOfRevision3(t *testing.T) {
	srv := start(t, socketio.Options{AllowEIO3: true})
	c, sid := openWSV3(t, srv)
	c.sendText("40/custom?token=a%2Cb&x=1&x=2&y,")
	c.want("40/custom,", `42/custom,["auth",{"token":"a,b","x":"2","y":""}]`)
	c.sendText("41/custom", `420["ack",0]`)
	c.want("430[0]")
	c.sendText("40/custom")
	c.want("40/custom,", `42/custom,["auth",{}]`)

	c.sendText("40/guarded,")
	c.want(`44/guarded,{"code":401,"hint":"a <token> & more"}`)
	c.sendText("40/guarded?token=plain,")
	c.want(`44/guarded,"go away"`)
	c.sendText("40/guarded?token=letmein,")
	c.want("40/guarded,")
	c.sendText(`42/guarded,["echo",1]`)
	c.want(`42/guarded,["echo",1]`)
	c.sendText("40/nowhere?x=1,")
	c.want(`44/nowhere,{"message":"Invalid namespace"}`)
	c.sendText("40/custom2,", `421["ack","é"]`)
	c.wantInAnyOrder(`44/custom2,{"message":"Invalid namespace"}`, `431["é"]`)

	c.sendText(`451-["echo",{"_placeholder":true,"num":0}]`)
	c.send(bin(4, 1, 2, 3))
	c.want(`451-["echo",{"_placeholder":true,"num":0}]`)
	if op, data := c.message(); op != opBinary || string(data) != "\x04\x01\x02\x03" {
		t.Errorf("the attachment came back as opcode %d, %x", op, data)
	}
	c.sendText(`42["cast",{"to":["` + sid + `"],"self":true},"to an id"]`)
	c.want(`42["cast","to an id"]`)
	c.sendText(`42/custom,["kick",false]`)
	c.want("41/custom,")
}

func TestViolationsOfRevision3(t *testing.T) {
	srv := start(t, socketio.Options{AllowEIO3: true})
	other, _ := openWSV3(t, srv)
	for _, packet := range []string{
		"40", `42/custom,["echo",1]`, `42/custom?a=1,["echo",1]`, "40/custom?a=1,b", `44"no"`, "49",
	} {
		c, _ := openWSV3(t, srv)
		c.sendText(packet)
		c.wantClose(noStatus)
	}
	t.Run("long name", func(t *testing.T) {
		notNode(t, "it has no limit")
		c, _ := openWSV3(t, srv)
		c.sendText("40/" + strings.Repeat("n", 300) + "?a=1,")
		c.wantClose(noStatus)
	})
	other.sendText(`42["echo","still here"]`)
	other.want(`42["echo","still here"]`)
}

// TestSameIDComesBack: the id of a socket of revision 3 is the same each time it
// joins, also while its predecessor has not left yet.
func TestSameIDComesBack(t *testing.T) {
	notNode(t, "it does not tell how many sockets there are")
	srv := start(t, socketio.Options{AllowEIO3: true})
	c, sid := openWSV3(t, srv)
	c.sendText("40/custom,")
	for range 100 {
		c.want("40/custom,", `42/custom,["auth",{}]`)
		c.sendText("41/custom,", "40/custom,")
	}
	c.want("40/custom,", `42/custom,["auth",{}]`)
	custom := srv.io.Of("/custom")
	waitUntil(t, "one socket is left", func() bool { return srv.io.Stats().Sockets == 2 })
	if err := custom.To("/custom#"+sid).Emit("still", 1); err != nil {
		t.Fatal(err)
	}
	c.want(`42/custom,["still",1]`)
	_ = c.Close()
	waitUntil(t, "none is left", func() bool { return srv.io.Stats().Sockets == 0 })
}

func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestRevision3OverPolling(t *testing.T) {
	srv := start(t, socketio.Options{AllowEIO3: true})
	const query = "EIO=3&transport=polling"
	a := must(request(t, srv, "GET", query, ""))(t)
	body := a.body
	var opened struct{ SID string }
	if _, packet, ok := strings.Cut(body, ":0"); !ok || json.NewDecoder(strings.NewReader(packet)).Decode(&opened) != nil {
		t.Fatalf("handshake: %d %q", a.status, a.body)
	}
	session := query + "&sid=" + opened.SID
	await := func(want string) {
		t.Helper()
		for !strings.HasSuffix(body, want) {
			a := must(request(t, srv, "GET", session, ""))(t)
			if a.status != 200 {
				t.Fatalf("GET: %d %q after %q", a.status, a.body, body)
			}
			body += a.body
		}
	}
	welcome := `42["welcome",{"id":"` + opened.SID + `","auth":{}}]`
	await(fmt.Sprintf("2:40%d:%s", len(welcome), welcome))
	must(request(t, srv, "POST", session, `16:42["echo","é😀"]`))(t)
	await(`16:42["echo","é😀"]`)
	must(request(t, srv, "POST", session, `1:1`))(t)
}
