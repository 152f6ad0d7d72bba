package e2e

import (
	"bytes"
	"compress/flate"
	"testing"

	"parley/server/socketio"
)

// deflating is a server with compression for large scenarios.
func deflating() socketio.Options {
	opts := roomy
	opts.PerMessageDeflate = &socketio.PerMessageDeflate{}
	return opts
}

func TestCompressionWithTheOfficialClient(t *testing.T) {
	notNode(t, "it is started without compression")
	for name, given := range map[string]task{
		"node.mjs":     {"mode": "websocket", "crowd": 50},
		"chromium.mjs": {"modes": []string{"upgrade"}, "crowd": 20, "browser": chromium(t)},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, deflating())
			given["url"], given["deflate"] = srv.url, true
			driver := startScript(t, name, given.json())
			outcomes(t, driver)
			driver.wait()
			if srv.io.Stats().MessagesCompressed == 0 {
				t.Error("nothing was compressed")
			}
		})
	}
}

const rsv1 = 0x40

// squeeze compresses the payload of a message, the same n times over.
func squeeze(payload string, n int) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write([]byte(payload))
	_ = w.Flush()
	return bytes.TrimSuffix(bytes.Repeat(b.Bytes(), n), []byte("\x00\x00\xff\xff"))
}

func TestBadCompressedFrames(t *testing.T) {
	notNode(t, "it is started without compression")
	srv := start(t, socketio.Options{PerMessageDeflate: &socketio.PerMessageDeflate{}})
	join := func(t *testing.T) *wsConn {
		c := upgradeWS(t, srv, []byte(upgradeRequest(srv, wsQuery, "Sec-WebSocket-Extensions: permessage-deflate")))
		c.text()
		c.join("/")
		return c
	}
	join(t).Close()
	usage := measure(t, srv)
	t.Run("rows", func(t *testing.T) {
		clients := controls(t, srv)
		echo := squeeze(`42["echo",1]`, 1)
		bomb := squeeze(string(make([]byte, 1_000_000)), 900) // of 900 MB
		for _, row := range []badFrames{
			{name: "good", frames: frame(fin|rsv1|opText, echo)},
			{name: "good in fragments", frames: frames(frame(rsv1|opText, echo[:1]), frame(fin|opPing, nil), frame(fin|opContinuation, echo[1:]))},
			{name: "marked ping", frames: frame(fin|rsv1|opPing, nil), code: 1002},
			{name: "marked close", frames: frame(fin|rsv1|opClose, nil), code: 1002},
			{name: "marked continuation", frames: frames(frame(rsv1|opText, echo[:1]), frame(fin|rsv1|opContinuation, echo[1:])), code: 1002},
			{name: "reserved bit 2", frames: frame(fin|rsv1|0x20|opText, echo), code: 1002},
			{name: "no payload", frames: frame(fin|rsv1|opText, nil), code: 1007},
			{name: "not compressed", frames: frame(fin|rsv1|opText, []byte(`42["echo",1]`)), code: 1007},
			{name: "bad UTF-8", frames: frame(fin|rsv1|opText, squeeze("42[\"\xff\"]", 1)), code: 1007},
			{name: "bad packet", frames: frame(fin|rsv1|opText, squeeze("4x", 1)), code: noStatus},
			{name: "too large by one", frames: frame(fin|rsv1|opText, squeeze("4"+string(make([]byte, 1_000_000)), 1)), code: 1009},
			{name: "bomb", frames: frame(fin|rsv1|opText, bomb), code: 1009},
			{name: "bomb in fragments", frames: frames(frame(rsv1|opBinary, bomb[:1000]), frame(fin|opContinuation, bomb[1000:])), code: 1009},
		} {
			t.Run(row.name, func(t *testing.T) {
				c := join(t)
				sent := make(chan struct{})
				go func() { // the server may have closed before it has everything
					defer close(sent)
					_, _ = c.Write(row.frames)
				}()
				if row.code == 0 {
					for op, p := c.message(); op != opText || string(p) != `42["echo",1]`; op, p = c.message() {
					}
				} else {
					c.wantClose(row.code)
				}
				_ = c.Close()
				<-sent
			})
			alive(t, clients)
		}
	})
	usage.back()
}
