package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

// A badRequest is written byte by byte: %HOST%, %SID% and %PROBE% stand for the
// server's address, a polling session, and an upgrade request for that session.
type badRequest struct {
	name    string
	request string
	status  int
	strict  int    // the status of the strict server, if another
	session string // "open", "gone", or "" if there is none
	differ  string // how Node differs, if it does
}

const (
	postHead = "POST /socket.io/?EIO=4&transport=polling&sid=%SID% HTTP/1.1\r\nHost: %HOST%\r\nContent-Type: text/plain;charset=UTF-8\r\n"
	getHead  = "GET /socket.io/?EIO=4&transport=polling&sid=%SID% HTTP/1.1\r\nHost: %HOST%\r\n"
)

func post(body string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", postHead, len(body), body)
}

var badRequests = []badRequest{
	{name: "500,000 noops", request: post(strings.Repeat("6"+separator, 499_999) + "6"), status: 200, strict: 413, session: "gone", differ: "it takes any number"},
	{name: "500,000 messages", request: post(strings.Repeat("4"+separator, 499_999) + "4"), status: 200, strict: 413, session: "gone"},
	{name: "a million separators", request: post(strings.Repeat(separator, 1_000_000)), status: 200, strict: 413, session: "gone"},
	{name: "the strict server's count of packets", request: post(strings.Repeat("6"+separator, 20) + "6"), status: 200, session: "strict", differ: "it takes any number"},
	{name: "invalid UTF-8", request: post("42[\"echo\",\"\xff\"]"), status: 200, session: "gone", differ: "it replaces the bytes"},
	{name: "bad base64", request: post("b****"), status: 200, session: "gone", differ: "it skips the characters"},
	{name: "attachment without a packet", request: post("bAQID"), status: 200, session: "gone"},
	{name: "zero bytes", request: post("\x00\x00\x00"), status: 200, session: "gone"},
	{name: "open packet", request: post(`0{"sid":"x"}`), status: 200, session: "open"},
	{name: "upgrade packet", request: post("5"), status: 200, session: "open"},
	{name: "unasked pong", request: post("3"), status: 200, session: "open"},
	{name: "400,000 brackets", request: post(`42["echo",` + strings.Repeat("[", 400_000)), status: 200, strict: 413, session: "gone"},

	{name: "octet-stream", request: strings.Replace(post("4x"), "text/plain", "Application/Octet-Stream", 1), status: 400, session: "gone", differ: "it is case-sensitive"},
	{name: "huge Content-Length", request: postHead + "Content-Length: 99999999999999\r\n\r\n", status: 413, differ: "it waits for the body"},
	{name: "Content-Length beyond 64 bits", request: postHead + "Content-Length: 99999999999999999999999\r\n\r\n", status: 400},
	{name: "negative Content-Length", request: postHead + "Content-Length: -1\r\n\r\n", status: 400},
	{name: "two Content-Lengths", request: postHead + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n3", status: 400},
	{name: "chunked and Content-Length", request: postHead + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n3\r\n0\r\n\r\n", status: 0},
	{name: "bad chunks", request: postHead + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", status: 400, session: "gone"},
	{name: "chunk of 2^64", request: postHead + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", status: 400, session: "gone"},
	{name: "compressed body", request: strings.Replace(post("\x1f\x8b\x08\x00"), "Host:", "Content-Encoding: gzip\r\nHost:", 1), status: 200, session: "gone"},

	{name: "GET with a body", request: strings.Replace(getHead, "sid=%SID%", "sid=", 1) + "Content-Length: 5\r\n\r\nhello", status: 200},
	{name: "10,000 parameters", request: "GET /socket.io/?EIO=4&transport=polling" + strings.Repeat("&a=b", 9000) + " HTTP/1.1\r\nHost: %HOST%\r\n\r\n", status: 0},
	{name: "bad escapes", request: "GET /socket.io/?EIO=4&transport=polling&sid=%zz HTTP/1.1\r\nHost: %HOST%\r\n\r\n", status: 0},
	{name: "3,000 cookies", request: strings.Replace(getHead, "%SID%", "", 1) + "Cookie: " + strings.Repeat("a=;", 3000) + "\r\n\r\n", status: 200},
	{name: "no HTTP", request: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", status: 400},
	{name: "HTTP/2 preface", request: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 0},
	{name: "TRACE", request: strings.Replace(getHead, "GET", "TRACE", 1) + "\r\n", status: 500, session: "open", differ: "its parser refuses it"},
	{name: "CONNECT", request: "CONNECT %HOST% HTTP/1.1\r\nHost: %HOST%\r\n\r\n", status: 0},

	{name: "upgrade with a body", request: "%PROBE%Content-Length: 4\r\n\r\ntest", status: 400, session: "open", differ: "it takes the body for frames"},
	{name: "upgrade with a chunked body", request: "%PROBE%Transfer-Encoding: chunked\r\n\r\n4\r\ntest\r\n0\r\n\r\n", status: 400, session: "open", differ: "it takes the body for frames"},
	{name: "upgrade to h2c", request: strings.Replace(getHead, "sid=%SID%", "", 1) + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", status: 200, differ: "it closes the connection"},
	{name: "upgrade to something else", request: "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %HOST%\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", status: 400},
	{name: "crafted extensions", request: "%PROBE%Sec-WebSocket-Extensions: " + strings.Repeat("constructor; a=\"\\\"\",", 100) + "\r\n\r\n", status: 0, session: "open"},
	{name: "long subprotocol", request: "%PROBE%Sec-WebSocket-Protocol: a" + strings.Repeat(" ", 15_000) + "b\r\n\r\n", status: 0, session: "open"},
	{name: "subprotocol that splits the header", request: "%PROBE%Sec-WebSocket-Protocol: a\x01b\r\n\r\n", status: 400, session: "open"},
}

func TestBadRequests(t *testing.T) {
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
				for _, row := range badRequests {
					if setting == "strict" && row.strict != 0 {
						row.status, row.session = row.strict, "open"
					}
					if row.session == "strict" {
						row.session = map[string]string{"generous": "open", "strict": "gone"}[setting]
					}
					t.Run(row.name, func(t *testing.T) { row.run(t, srv) })
					alive(t, clients)
				}
			})
			usage.back()
		})
	}
}

func (row badRequest) run(t *testing.T, srv *server) {
	if row.differ != "" {
		notNode(t, row.differ)
	}
	p, _ := joinPolling(t, srv)
	defer func() { _, _ = request(t, srv, "POST", p.query(), "1") }()
	probe := strings.TrimSuffix(upgradeRequest(srv, wsQuery+"&sid="+p.SID), "\r\n")
	raw := strings.NewReplacer("%HOST%", srv.host(), "%SID%", p.SID, "%PROBE%", probe).Replace(row.request)

	conn := dialTCP(t, srv)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(conn, raw)
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	status := 0
	if err == nil {
		status = res.StatusCode
	}
	_ = conn.Close()
	<-sent
	if row.status != 0 && status != row.status {
		t.Errorf("status %d (%v), want %d", status, err, row.status)
	}
	switch row.session {
	case "open":
		p.wantEcho("still here")
	case "gone":
		for {
			a := p.get()
			if a.status == http.StatusOK {
				continue // what was on its way
			}
			if a.body != refusals[1] {
				t.Errorf("the session answers %d %q", a.status, a.body)
			}
			break
		}
	}
}

func TestTooManyNamespacesAreRefused(t *testing.T) {
	notNode(t, "it has no limit")
	srv := start(t, socketio.Options{MaxNamespaces: 2})
	c := joinWS(t, srv)
	c.join("/custom")
	c.sendText(`40/guarded,{"token":"letmein"}`)
	if reply := c.text(); !strings.HasPrefix(reply, "44/guarded,") || !strings.Contains(reply, "MaxNamespaces") {
		t.Errorf("got %q", reply)
	}
	c.sendText("41/custom,", `40/guarded,{"token":"letmein"}`)
	socketID(t, c.text(), "/guarded,")
}

func TestTooManySessionsAreRefused(t *testing.T) {
	notNode(t, "it has no limit")
	srv := start(t, socketio.Options{MaxSessions: 2})
	c := joinWS(t, srv)
	joinPolling(t, srv)
	a := must(request(t, srv, "GET", pollQuery, ""))(t)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("polling: %d %q", a.status, a.body)
	}
	if res := rawRequest(t, srv, upgradeRequest(srv, wsQuery)); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("websocket: %d", res.StatusCode)
	}
	c.send(frame(fin|opClose, nil))
	c.wantClose(noStatus)
	for end := time.Now().Add(10 * time.Second); srv.io.Stats().CurrentConnections > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the closed session still counts")
		}
	}
	joinWS(t, srv)
}
