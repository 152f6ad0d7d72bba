// Package websocket carries Engine.IO packets over WebSocket (RFC 6455).
package websocket

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"

	"parley/server/internal/reactor"
)

// refusalTimeout bounds the writing of a refusal.
const refusalTimeout = time.Second

// An Upgrader turns upgrade requests into connections of one reactor.
type Upgrader struct {
	Reactor *reactor.Reactor
	Wheel   *reactor.Wheel
	Limits  Limits
	// Deflate accepts permessage-deflate.
	Deflate bool
}

// Upgrade completes the handshake (RFC 6455, 4.2), with header added to the
// answer, or answers with an error. It returns what the client had sent behind
// its request; both go to Conn.Start, before which nothing is read. The answer
// leaves with the first Write, Start or Close.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request, header http.Header) (*Conn, []byte, error) {
	status, text := refuse(r)
	var window uint8
	if u.Deflate && text == "" {
		answer, agreed, ok := negotiate(r.Header["Sec-Websocket-Extensions"])
		switch {
		case !ok:
			status, text = http.StatusBadRequest, "Invalid Sec-WebSocket-Extensions header"
		case agreed > 0:
			header, window = maps.Clone(header), agreed
			if header == nil {
				header = http.Header{}
			}
			header.Set("Sec-WebSocket-Extensions", answer)
		}
	}
	if text != "" {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(refusalTimeout))
		w.Header().Set("Connection", "close")
		if status == http.StatusUpgradeRequired {
			w.Header().Set("Sec-WebSocket-Version", "13")
		}
		http.Error(w, text, status)
		return nil, nil, &closing{reason: text}
	}
	taken := &taking{ResponseWriter: w}
	upgrader := ws.HTTPUpgrader{
		Header: header,
		// Browsers fail the connection if they asked for a subprotocol and
		// got none; the first one offered is Node's choice too.
		Protocol: func(string) bool { return true },
	}
	conn, rw, _, err := upgrader.Upgrade(r, taken)
	if err != nil {
		if conn != nil {
			_ = conn.SetWriteDeadline(time.Now().Add(refusalTimeout))
			_, _ = conn.Write(taken.answer.Bytes())
			_ = conn.Close()
		}
		return nil, nil, err
	}
	initial, _ := rw.Reader.Peek(rw.Reader.Buffered())
	c := &Conn{wheel: u.Wheel, limits: &u.Limits, answer: taken.answer.Bytes(), window: window}
	c.link = u.Reactor.Add(conn, handler{c})
	return c, initial, nil
}

// taking keeps the answer to an upgrade request back, so that it leaves
// together with the first frames.
type taking struct {
	http.ResponseWriter
	answer bytes.Buffer
}

// Hijack implements http.Hijacker.
func (t *taking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err == nil {
		rw.Writer.Reset(&t.answer)
	}
	return conn, rw, err
}

// refuse finds what the library would let pass.
func refuse(r *http.Request) (status int, text string) {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key"))
	switch version := r.Header.Get("Sec-Websocket-Version"); {
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, "Invalid HTTP method"
	case r.ProtoMajor != 1:
		return http.StatusBadRequest, "WebSocket needs HTTP/1.1"
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return http.StatusBadRequest, "Upgrade request with a body"
	case err != nil || len(key) != 16:
		return http.StatusBadRequest, "Missing or invalid Sec-WebSocket-Key header"
	case version != "13":
		return http.StatusUpgradeRequired, "Missing or invalid Sec-WebSocket-Version header"
	}
	return 0, ""
}
