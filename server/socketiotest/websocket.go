package socketiotest

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"parley/server/wire/eio"
)

// The opcodes of RFC 6455, section 5.2.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

// A webSocket is a WebSocket client's connection that carries Engine.IO packets.
type webSocket struct {
	conn    net.Conn
	in      *bufio.Reader
	writing baton // makes frames go out whole
}

// openWebSocket connects and asks for the upgrade of r.
func openWebSocket(network *listener, r *http.Request) (*webSocket, error) {
	conn, err := network.dial()
	if err != nil {
		return nil, err
	}
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:]))
	ws := &webSocket{conn: conn, in: bufio.NewReader(conn), writing: newBaton()}
	if err := r.Write(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	resp, err := http.ReadResponse(ws.in, r)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer conn.Close()
		return nil, refused(resp)
	}
	return ws, nil
}

// send writes packets, a frame each.
func (ws *webSocket) send(packets ...eio.Packet) error {
	for _, p := range packets {
		op, payload := byte(opText), p.Data
		if p.Binary {
			op = opBinary
		} else {
			payload = p.AppendText(nil)
		}
		if err := ws.write(op, payload); err != nil {
			return err
		}
	}
	return nil
}

// write writes one frame, masked as clients must.
func (ws *webSocket) write(op byte, payload []byte) error {
	const fin, masked = 0x80, 0x80
	frame := []byte{fin | op}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, masked|byte(n))
	case n <= 0xffff:
		frame = binary.BigEndian.AppendUint16(append(frame, masked|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, masked|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // never fails
	frame = append(frame, mask[:]...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%len(mask)])
	}
	ws.writing.take()
	defer ws.writing.give()
	_, err := ws.conn.Write(frame)
	return err
}

// receive returns the packet of the next frame with one.
func (ws *webSocket) receive() ([]eio.Packet, error) {
	for {
		op, payload, err := ws.read()
		if err != nil {
			return nil, err
		}
		switch op {
		case opText:
			p, err := eio.Parse(payload)
			return []eio.Packet{p}, err
		case opBinary:
			return []eio.Packet{{Type: eio.Message, Binary: true, Data: payload}}, nil
		case opPing:
			if err := ws.write(opPong, payload); err != nil {
				return nil, err
			}
		case opClose:
			_ = ws.write(opClose, payload)
			return nil, io.EOF
		}
	}
}

var errFrame = errors.New("socketiotest: the server sent a frame that it must not")

// read reads one frame. Servers do not mask, and ours does not split.
func (ws *webSocket) read() (op byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(ws.in, head[:2]); err != nil {
		return 0, nil, err
	}
	if head[0]&0xf0 != 0x80 || head[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("%w: % x", errFrame, head[:2])
	}
	n := uint64(head[1])
	switch n {
	case 126:
		_, err = io.ReadFull(ws.in, head[2:4])
		n = uint64(binary.BigEndian.Uint16(head[2:4]))
	case 127:
		_, err = io.ReadFull(ws.in, head[2:10])
		n = binary.BigEndian.Uint64(head[2:10])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(ws.in, payload)
	return head[0] & 0x0f, payload, err
}

// close says goodbye; the server answers, and receive ends.
func (ws *webSocket) close() { _ = ws.write(opClose, nil) }

func (ws *webSocket) abort() { _ = ws.conn.Close() }
