package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// A badFrames is what a client sends over WebSocket and the code with which its
// connection, and no other, is closed. Code 0: it stays open.
type badFrames struct {
	name   string
	before bool // it has not joined the main namespace
	frames []byte
	code   int
	strict int    // the code of the strict server, if another
	differ string // how Node differs, if it does
}

func frames(list ...[]byte) []byte { return bytes.Join(list, nil) }

// inText makes rows of one text frame each, which all get the close code for
// broken packets.
func inText(before bool, packets ...string) (rows []badFrames) {
	for _, p := range packets {
		rows = append(rows, badFrames{name: "packet " + shorten(p), before: before, frames: text(p), code: noStatus})
	}
	return rows
}

func placeholder(num string) []byte {
	return frames(text(`451-["echo",{"_placeholder":true,"num":`+num+`}]`), bin(1))
}

var socketPackets = inText(false,
	"4", "47", "4x", "4-", "4 2[\"echo\"]", "4\x00", "4é",
	"42null", "42[null]", "42[]", "42{}", `42"echo"`, "42[true]", `42[["echo"]]`, `42[{"toString":"foo"}]`, "42[[]]",
	"42[", `42["echo"`, `42["echo",`, `42["echo",]`, `42["echo"]]`, `42["echo"]x`, `42["echo"] ["echo"]`, `42["echo",1,]`, `42["echo":1]`,
	`42["echo",NaN]`, `42["echo",undefined]`, `42["echo",'x']`, `42["echo",01]`, `42["echo",1.]`, `42["echo",+1]`, `42["echo","`+"\x01"+`"]`,
	`42["echo","\x"]`, `42["echo","\u12"]`, `42["echo",tru]`, `42["echo",{1:2}]`, `42["echo",{"a"}]`, `42-1["echo"]`, `421e3["echo"]`,
	`42/["echo",1]`, `42/custom["echo",1]`, `42/custom,["echo",1]`, `42/nowhere,["echo",1]`,
	`42["connect"]`, `42["connect_error",{}]`, `42["disconnect"]`, `42["disconnecting"]`, `42["newListener"]`, `42["removeListener",1]`, `42["\u0063onnect"]`,
	"40", `40{"a":1}`, `41["x"]`, "41{}", `43{}`, `431{"a":1}`, `44{"message":"no"}`, `44"no"`, "44",
	"45", `45["echo"]`, `45-["echo"]`, `451["echo"]`, `451`, `451.5-["echo"]`, `45-1-["echo"]`, `45x-["echo"]`,
	`450-["echo"]`, `4500-["echo"]`, `460-[]`, `4511-["echo"]`, `45999999999999999999999-["echo"]`, `4611-1[]`, `451-[]`, `451-{}`, `451-[null]`,
	`451-["disconnect"]`, `461-1{}`,
)

// lenient are packets that Node lets pass, or waits to refuse.
var lenient = func() []badFrames {
	rows := inText(false, "42", "431", "451-", `42 1["echo"]`, `451e1-["echo"]`, `451-/custom,["echo"]`)
	rows = append(rows, inText(true, `451-["echo",{"_placeholder":true,"num":0}]`)...)
	for i := range rows {
		rows[i].differ = "it lets the packet pass"
	}
	return rows
}()

var beforeConnect = inText(true,
	`42["echo",1]`, `420["ack",1]`, `430[1]`, "41", `44{"message":"no"}`,
	"40[]", `40"x"`, "40null", "40true", "40{", `40{}{}`, `40/custom,[]`, `40/custom,"x"`, `40["a"]`,
)

var attachments = []badFrames{
	{name: "placeholder -1", frames: placeholder("-1"), code: noStatus},
	{name: `placeholder "0"`, frames: placeholder(`"0"`), code: noStatus},
	{name: `placeholder "splice"`, frames: placeholder(`"splice"`), code: noStatus},
	{name: "placeholder out of range", frames: placeholder("1"), code: noStatus},
	{name: "placeholder 1e99", frames: placeholder("1e99"), code: noStatus},
	{name: "placeholder null", frames: placeholder("null"), code: noStatus},
	{name: "placeholder 0.5", frames: placeholder("0.5"), code: noStatus, differ: "it lets the packet pass"},
	{name: "placeholder without num", frames: frames(text(`451-["echo",{"_placeholder":true}]`), bin(1)), code: noStatus},
	{name: "text while an attachment is due", frames: frames(text(`451-["echo",1]`), text(`42["echo",1]`)), code: noStatus},
	{name: "packet while an attachment is due", frames: frames(text(`451-["echo",1]`), text(`451-["echo",1]`)), code: noStatus},
	{name: "goodbye while an attachment is due", frames: frames(text(`451-["echo",1]`), text("41")), code: noStatus},
	{name: "attachment without a packet", frames: bin(1, 2, 3), code: noStatus},
	{name: "empty attachment without a packet", frames: bin(), code: noStatus},
	{name: "one attachment too many", frames: frames(text(`451-["ack",1]`), bin(1), bin(2)), code: noStatus},
	{
		name:   "attachments too large together",
		frames: frames(text(`452-["ack",1]`), bin(make([]byte, 600_000)...), bin(make([]byte, 600_000)...)),
		code:   noStatus, strict: 1009, differ: "it has no limit for all together",
	},
	{
		name: "the strict server's attachments too large together", frames: frames(text(`452-["ack",1]`), bin(make([]byte, 1200)...), bin(make([]byte, 1200)...)),
		strict: noStatus, differ: "it has no limit for all together",
	},
	{name: "the strict server's count of attachments", frames: frames(text(`453-["ack",1]`), bin(1), bin(1), bin(1)), strict: noStatus, differ: "its limit is fixed"},
	{name: "attachments that do not come", frames: text(`451-["ack",1]`), code: -1, strict: noStatus, differ: "it waits for ever"},
}

// messagePack are first messages of clients that do not speak text, none of which is right.
var messagePack = func() []badFrames {
	const connect = "\x82\xa4type\x00\xa3nsp\xa1/"
	rows := []badFrames{
		{name: "MessagePack: text behind a CONNECT", frames: frames(bin([]byte(connect)...), text(`42["echo",1]`))},
		{name: "MessagePack: 400,000 opening arrays", frames: bin(bytes.Repeat([]byte{0x91}, 400_000)...), strict: 1009},
		{name: "MessagePack: 400,000 opening maps", frames: bin(bytes.Repeat([]byte("\x81\xa1a"), 130_000)...), strict: 1009},
	}
	for _, data := range []string{
		"", "\xc0", "\x80", "\x90", "\xa1", "\xc1", connect[:5], connect + "\xc0", "\xdf\xff\xff\xff\xff", "\xdd\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff",
		"\x81\xa4type\xdb\xff\xff\xff\xff", "\x82\xa4type\x05\xa3nsp\xa1/", "\x82\xa4type\x02\xa3nsp\xa1/", "\x82\xa4type\x00\xa3nsp\x01", "\x82\xa4type\x00\x01\x02",
		"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa4echo", "\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x90", "\x83\xa4type\x00\xa3nsp\xa1/\xa4data\xa1\xff",
	} {
		rows = append(rows, badFrames{name: fmt.Sprintf("MessagePack: % x", data), frames: bin([]byte(data)...)})
	}
	for i := range rows {
		rows[i].before, rows[i].code = true, noStatus
		rows[i].differ = "its parser is for the whole server"
	}
	return rows
}()

func nested(depth int) []byte {
	return text(`42["echo",` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `]`)
}

var limits = []badFrames{
	{name: "400,000 opening brackets", frames: text(`42["echo",` + strings.Repeat("[", 400_000)), code: noStatus, strict: 1009},
	{name: "400,000 opening brackets in an ack", frames: text(`430` + strings.Repeat("[", 400_000)), code: noStatus, strict: 1009},
	{name: "400,000 brackets", frames: nested(400_000), code: noStatus, strict: 1009, differ: "it has no limit"},
	{name: "400,000 opening braces", frames: text(`42["echo",` + strings.Repeat(`{"":`, 200_000)), code: noStatus, strict: 1009},
	{name: "65 deep", frames: nested(64), code: noStatus, differ: "it has no limit"},
	{name: "9 deep", frames: nested(8), strict: noStatus, differ: "it has no limit"},
	{name: "deep ack", frames: text("430" + strings.Repeat("[", 65) + strings.Repeat("]", 65)), code: noStatus, differ: "it has no limit"},
	{name: "ack id too large", frames: text(`42` + strings.Repeat("9", 30) + `["ack",1]`), code: noStatus, differ: "it rounds"},
	{name: "ack id of 1,000 digits", frames: text(`42` + strings.Repeat("1", 1000) + `["ack",1]`), code: noStatus, differ: "it rounds"},
	{name: "long event name", frames: text(`42["` + strings.Repeat("n", 129) + `"]`), code: noStatus, differ: "it has no limit"},
	{name: "the strict server's event name", frames: text(`42["` + strings.Repeat("n", 17) + `"]`), strict: noStatus, differ: "it has no limit"},
	{name: "long namespace", frames: text(`40/` + strings.Repeat("n", 300) + `,`), code: noStatus, differ: "it has no limit"},
	{name: "message too large", frames: text("4" + strings.Repeat("x", 1_000_000)), code: 1009},
	{name: "the strict server's message too large", frames: text(`42["nobody","` + strings.Repeat("x", 1985) + `"]`), strict: 0},
	{name: "the strict server's message too large by one", frames: text(`42["nobody","` + strings.Repeat("x", 1986) + `"]`), strict: 1009},
	{name: "fragments too large together", frames: frames(frame(opText, make([]byte, 600_000)), frame(fin|opContinuation, make([]byte, 600_000))), code: 1009},
	{name: "length 2^62", frames: longHeader(1 << 62), code: 1009},
	{name: "length 2^31", frames: longHeader(1 << 31), code: 1009},
	{name: "length 2^63", frames: longHeader(1 << 63), code: 1002, differ: "it calls it too large"},
	{name: "length 2^64-1", frames: longHeader(1<<64 - 1), code: 1002, differ: "it calls it too large"},
	{name: "fragments without end", frames: frames(frame(opText, []byte("4")), bytes.Repeat(frame(opContinuation, []byte("x")), 140_000)), code: 1008},
	{name: "empty fragments without end", frames: frames(frame(opText, nil), bytes.Repeat(frame(opContinuation, nil), 140_000)), code: 1008},
}

func longHeader(length uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{fin | opText, 0x80 | 127}, length)
}

var framing = func() []badFrames {
	rows := []badFrames{
		{name: "unmasked text", frames: []byte{fin | opText, 1, '3'}, code: 1002},
		{name: "unmasked ping", frames: []byte{fin | opPing, 0}, code: 1002},
		{name: "unmasked close", frames: []byte{fin | opClose, 0}, code: 1002},
		{name: "compressed without being negotiated", frames: frame(fin|0x40|opText, []byte("3")), code: 1002},
		{name: "reserved bit 2", frames: frame(fin|0x20|opText, []byte("3")), code: 1002},
		{name: "reserved bit 3", frames: frame(fin|0x10|opText, []byte("3")), code: 1002},
		{name: "ping of 126 bytes", frames: frame(fin|opPing, make([]byte, 126)), code: 1002},
		{name: "close frame of 126 bytes", frames: frame(fin|opClose, append([]byte{3, 232}, make([]byte, 124)...)), code: 1002},
		{name: "fragmented ping", frames: frame(opPing, nil), code: 1002},
		{name: "fragmented close", frames: frame(opClose, nil), code: 1002},
		{name: "continuation of nothing", frames: frame(fin|opContinuation, []byte("x")), code: 1002},
		{name: "first fragment of nothing", frames: frame(opContinuation, []byte("x")), code: 1002},
		{name: "message within a message", frames: frames(frame(opText, []byte("4")), text("3")), code: 1002},
		{name: "close frame of one byte", frames: frame(fin|opClose, []byte{3}), code: 1002},
		{name: "close reason that is no UTF-8", frames: frame(fin|opClose, []byte{3, 232, 0xff}), code: 1007},
		{name: "stray byte FF", frames: text("4\xff"), code: 1007},
		{name: "overlong UTF-8", frames: text("42[\"\xc0\x80\"]"), code: 1007},
		{name: "half a surrogate pair", frames: text("42[\"\xed\xa0\x80\"]"), code: 1007},
		{name: "cut UTF-8", frames: text("42[\"\xe6\xbc"), code: 1007},
		{name: "UTF-8 cut by a fragment that does not end it", frames: frames(frame(opText, []byte("4\xe6")), frame(fin|opContinuation, []byte("x"))), code: 1007},
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		rows = append(rows, badFrames{name: fmt.Sprintf("opcode %d", op), frames: frame(fin|op, nil), code: 1002})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535} {
		rows = append(rows, badFrames{
			name: fmt.Sprintf("close code %d", code), frames: frame(fin|opClose, binary.BigEndian.AppendUint16(nil, code)), code: 1002,
		})
	}
	return rows
}()

func TestBadFrames(t *testing.T) {
	for _, setting := range []string{"generous", "strict"} {
		t.Run(setting, func(t *testing.T) {
			opts := generous
			if setting == "strict" {
				notNode(t, "it has few limits")
				opts = strict
			}
			srv := start(t, opts)
			usage := measure(t, srv)
			t.Run("rows", func(t *testing.T) {
				clients := controls(t, srv)
				for _, group := range [][]badFrames{socketPackets, lenient, beforeConnect, attachments, messagePack, limits, framing} {
					for _, row := range group {
						code := row.code
						if setting == "strict" && (row.strict != 0 || code == -1) {
							code = row.strict
						}
						t.Run(row.name, func(t *testing.T) { row.run(t, srv, code) })
						alive(t, clients)
					}
				}
			})
			usage.back()
		})
	}
}

func (row badFrames) run(t *testing.T, srv *server, code int) {
	if row.differ != "" {
		notNode(t, row.differ)
	}
	c, _ := openWS(t, srv)
	if !row.before {
		c.join("/")
	}
	// The server may have closed before it has everything.
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = c.Write(row.frames)
	}()
	switch code {
	case -1: // nothing happens before the test is over
	case 0:
		<-sent
		c.sendText(`42["echo","fence"]`)
		for c.text() != `42["echo","fence"]` {
		}
	default:
		c.wantClose(code)
	}
	_ = c.Close()
	<-sent
}
