package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestServicesSendNotifications(t *testing.T) {
	r := start(t)
	c := connect(t, r.url, "/socket.io/", `40/notifications,{"userId":"u1","username":"Ann"}`)
	res, err := http.Post(r.url+"/api/notifications", "application/json", strings.NewReader(`{"to":{"userId":"u1"},"type":"like"}`))
	if err != nil {
		t.Fatal(err)
	}
	if text := body(t, res); res.StatusCode != http.StatusAccepted || !strings.HasPrefix(text, `{"ids":["`) {
		t.Errorf("%d %s", res.StatusCode, text)
	}
	c.await(t, `42/notifications,["notification",{`)
}

func TestMainNamespaceHasChannels(t *testing.T) {
	r := start(t)
	c := connect(t, r.url, "/socket.io/", "40")
	c.send(t, `42["subscribe","news"]`, `42["publish",{"channel":"news","message":"hello"}]`)
	c.await(t, `42["message","hello"`)
}

func TestPlainWebSocketIsServedAndDrained(t *testing.T) {
	r := start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, "GET /ws?userId=u1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	frame := func() (opcode byte, payload string) {
		head := make([]byte, 2)
		if _, err := io.ReadFull(in, head); err != nil || head[1] > 125 {
			t.Fatalf("%v %v", head, err)
		}
		rest := make([]byte, head[1])
		if _, err := io.ReadFull(in, rest); err != nil {
			t.Fatal(err)
		}
		return head[0] & 15, string(rest)
	}
	if op, text := frame(); op != 1 || !strings.HasPrefix(text, `{"type":"connected","userId":"u1"`) {
		t.Errorf("%d %q", op, text)
	}
	r.signals <- syscall.SIGTERM
	if op, status := frame(); op != 8 || binary.BigEndian.Uint16([]byte(status)) != 1001 {
		t.Errorf("%d %q", op, status)
	}
	conn.Write([]byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9}) // its answer
	if code := r.ended(t); code != exitOK {
		t.Errorf("code %d", code)
	}
}
