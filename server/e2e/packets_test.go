package e2e

import (
	"fmt"
	"strings"
	"testing"

	"parley/server/socketio"
)

func TestConnectAndDisconnectPackets(t *testing.T) {
	srv := start(t, socketio.Options{})
	for _, row := range []struct{ name, send, reply, event string }{
		{"main", "40", `40{"sid":"`, `42["welcome",{"id":"`},
		{"main with auth", `40{"a":1}`, `40{"sid":"`, `42["welcome",{"id":"`},
		{"main with a comma", "40/,", `40{"sid":"`, `42["welcome",{"id":"`},
		{"main without a comma", "40/", `40{"sid":"`, `42["welcome",{"id":"`},
		{"main with empty auth", "40/,{}", `40{"sid":"`, `42["welcome",{"id":"`},
		{"with empty auth", "40/custom,{}", `40/custom,{"sid":"`, `42/custom,["auth",{}]`},
		{"main written out", `40/,{"a":1}`, `40{"sid":"`, `42["welcome",{"id":"`},
		{"without a comma", "40/custom", `40/custom,{"sid":"`, `42/custom,["auth",{}]`},
		{"with a comma", "40/custom,", `40/custom,{"sid":"`, `42/custom,["auth",{}]`},
		{"with auth", `40/custom,{"a":"b"}`, `40/custom,{"sid":"`, `42/custom,["auth",{"a":"b"}]`},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, _ := openWS(t, srv)
			c.sendText(row.send)
			reply := c.text()
			if !strings.HasPrefix(reply, row.reply) || strings.Count(reply, ":") != 1 || !strings.HasSuffix(reply, `"}`) {
				t.Errorf("the reply is %q", reply)
			}
			if event := c.text(); !strings.HasPrefix(event, row.event) {
				t.Errorf("the event is %q", event)
			}
		})
	}
}

// Clients that are not JavaScript write out the main namespace.
func TestMainNamespaceWrittenOut(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	c, _ := openWS(t, srv)
	c.sendText("40/,")
	id := socketID(t, c.text(), "")
	_ = c.text()
	c.sendText(`42/,["echo",1]`, `42/,7["ack",2]`, `451-/,["echo",{"_placeholder":true,"num":0}]`)
	c.send(bin(9))
	c.want(`42["echo",1]`, `437[2]`, `451-["echo",{"_placeholder":true,"num":0}]`)
	_, _ = c.message()
	c.sendText(`42/,8["ask",1]`)
	c.want(`420["question",1]`)
	c.sendText(`43/,0["answer"]`)
	c.want(`438["answer"]`)
	c.sendText("41/,")
	w.want(t, id, clientLeft)
}

func TestUnknownNamespacesAreRefusedAndTheConnectionStays(t *testing.T) {
	srv := start(t, socketio.Options{})
	c, _ := openWS(t, srv)
	for _, name := range []string{"/nowhere", "/custom/", "/x?a=1", "/CUSTOM", "/__proto__"} {
		c.sendText("40" + name + ",")
		c.want("44" + name + `,{"message":"Invalid namespace"}`)
	}
	c.sendText("40/guarded,")
	c.want(`44/guarded,{"message":"not allowed","data":{"code":401,"hint":"a <token> & more"}}`)
	c.sendText(`40/guarded,{"token":"plain"}`)
	c.want(`44/guarded,{"message":"go away"}`)
	c.join("/")
}

func TestNamespacesAreLeftAndJoinedAgain(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	c, _ := openWS(t, srv)
	main, custom := c.join("/"), c.join("/custom")
	c.sendText("41/custom,")
	w.want(t, custom, clientLeft)
	c.sendText(`42["echo","main lives on"]`)
	c.want(`42["echo","main lives on"]`)
	if again := c.join("/custom"); again == custom || again == main {
		t.Errorf("the id %q is used again", again)
	}
	c.sendText("41", "41/custom")
	w.want(t, main, clientLeft)
	c.join("/custom")
}

func TestImpatientClientGetsOneReply(t *testing.T) {
	notNode(t, "it makes two sockets")
	srv := start(t, socketio.Options{})
	c, _ := openWS(t, srv)
	c.sendText(`40/guarded,{"token":"slow"}`, `40/guarded,{"token":"slow"}`)
	socketID(t, c.text(), "/guarded,")
	c.sendText(`42/guarded,["echo",1]`)
	c.want(`42/guarded,["echo",1]`)
}

// Some clients send to a namespace that they do not know yet they were thrown out of.
func TestPacketsThatCrossAKickAreIgnored(t *testing.T) {
	notNode(t, "it closes the connection")
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	c.join("/custom")
	c.sendText(`42/custom,["kick",false]`, `42/custom,["echo",1]`, `451-/custom,["echo",{"_placeholder":true,"num":0}]`)
	c.send(bin(1))
	c.want("41/custom,")
	c.sendText(`42["echo","main lives on"]`)
	c.want(`42["echo","main lives on"]`)
}

func TestAcknowledgementPackets(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	for _, row := range []struct{ send, reply string }{
		{`420["ack",1]`, `430[1]`},
		{`42456["ack",{"a":[1,"2"]}]`, `43456[{"a":[1,"2"]}]`},
		{`429007199254740991["ack",null]`, `439007199254740991[null]`},
		{`427["nothing"]`, `437[]`},
		{`428["ack2",1,[2]]`, `438[1,[2]]`},
	} {
		c.sendText(row.send)
		c.want(row.reply)
	}
	c.sendText(`451-9["ack",{"_placeholder":true,"num":0}]`)
	c.send(bin(1, 2, 3))
	c.want(`461-9[{"_placeholder":true,"num":0}]`)
	if op, data := c.message(); op != opBinary || string(data) != "\x01\x02\x03" {
		t.Errorf("opcode %d with % x", op, data)
	}
	// Acknowledgements that nobody waits for.
	c.sendText(`430[]`, `43999[1]`, `439007199254740991[1]`, `461-5[{"_placeholder":true,"num":0}]`)
	c.send(bin(1))
	c.sendText(`42["echo",1]`)
	c.want(`42["echo",1]`)
}

// The server's own acknowledgements are answered once, at the first answer.
func TestAnswersOfTheClient(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	for i := range 3 {
		c.sendText(fmt.Sprintf(`42%d["ask","x"]`, i))
		question := c.text()
		var id int
		if n, err := fmt.Sscanf(question, `42%d["question","x"]`, &id); n != 1 || err != nil {
			t.Fatalf("the question is %q", question)
		}
		answer := func(with string) string { return fmt.Sprintf(`43%d[%s]`, id, with) }
		c.sendText(answer(`"first"`), answer(`"second"`))
		c.want(fmt.Sprintf(`43%d["first"]`, i))
	}
	c.sendText(`42["echo","still here"]`)
	c.want(`42["echo","still here"]`)
}

func TestPlaceholders(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	const zero, one = `{"_placeholder":true,"num":0}`, `{"_placeholder":true,"num":1}`
	// In text events they are the user's own.
	c.sendText(`42["echo",` + one + `]`)
	c.want(`42["echo",` + one + `]`)
	c.sendText(`42["echo",{"_placeholder":true,"num":"x","more":-1}]`)
	c.want(`42["echo",{"_placeholder":true,"num":"x","more":-1}]`)
	// Attachments belong to the number, not to the order in the text.
	c.sendText(`452-["echo2",` + one + `,` + zero + `]`)
	c.send(bin('0'), bin('1'))
	c.want(`452-["echo2",` + zero + `,` + one + `]`)
	_, first := c.message()
	_, second := c.message()
	if string(first) != "1" || string(second) != "0" {
		t.Errorf("attachments %q, %q", first, second)
	}
	// Ten are allowed; empty ones are as good as others.
	var list []string
	var frames [][]byte
	for i := range 10 {
		list = append(list, fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i))
		frames = append(frames, bin(make([]byte, i)...))
	}
	event := `4510-["echo",[` + strings.Join(list, ",") + `]]`
	c.sendText(event)
	c.send(frames...)
	c.want(event)
	for i := range 10 {
		if op, data := c.message(); op != opBinary || len(data) != i {
			t.Errorf("attachment %d: opcode %d, %d bytes", i, op, len(data))
		}
	}
}

func TestHeartbeatGoesOnWhileAttachmentsAreDue(t *testing.T) {
	srv := start(t, quick)
	c := joinWS(t, srv)
	c.sendText(`451-["echo",{"_placeholder":true,"num":0}]`)
	for range 2 {
		c.want("2")
		c.sendText("3")
	}
	c.send(bin(1))
	c.want(`451-["echo",{"_placeholder":true,"num":0}]`)
}

func TestNamesOfEvents(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	c.sendText(`42[7,"number"]`, `42["\u0065cho","escaped"]`, `42["unknown",1]`, `42["",1]`, `42["toString",1]`, `42["__proto__"]`)
	c.want(`42["seven","number"]`, `42["echo","escaped"]`)
	c.sendText(`42["echo","still here"]`)
	c.want(`42["echo","still here"]`)
}

func TestJSONIsPassedOnAsItCame(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	for _, value := range []string{
		`0`, `-0.5`, `1e3`, `123456789012345`, `""`, `"\ud83d\ude00 <&> / \" \\ \n"`, `[]`, `{}`, `{"":[{"a":null}]}`, `"\ud800"`,
		`"` + strings.Repeat("ä🙂", 1000) + `"`,
	} {
		c.sendText(`42["echo",` + value + `]`)
		got := c.text()
		if *peer == "go" && got != `42["echo",`+value+`]` {
			t.Errorf("got %s, want the value %s", shorten(got), shorten(value))
		}
	}
}

func TestWaitingHandlerHoldsUpNobodyElse(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	c.sendText(`420["ask",1]`)
	c.want(`420["question",1]`) // the handler waits for the answer
	other := joinWS(t, srv)
	other.sendText(`42["echo",1]`)
	other.want(`42["echo",1]`)
	c.send(frame(fin|opPing, []byte("still there?")))
	if op, payload := c.message(); op != opPong || string(payload) != "still there?" {
		t.Errorf("opcode %d with %q", op, payload)
	}
	c.sendText(`430["yes"]`)
	c.want(`430["yes"]`)
}
