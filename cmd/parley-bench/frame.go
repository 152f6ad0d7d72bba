package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
)

// WebSocket opcodes, RFC 6455 section 5.2.
const (
	opContinuation byte = 0x0
	opText         byte = 0x1
	opBinary       byte = 0x2
	opClose        byte = 0x8
	opPing         byte = 0x9
	opPong         byte = 0xa
)

// maxFrame bounds what the driver keeps of one message of a server.
const maxFrame = 1 << 20

var (
	errFrameSize   = fmt.Errorf("the server sent a WebSocket message of more than %d bytes", maxFrame)
	errFrameMasked = errors.New("the server sent a masked WebSocket frame")
)

// A frame is one WebSocket frame of a server; payload aliases the input.
type frame struct {
	opcode  byte
	final   bool
	payload []byte
}

// appendFrame appends a final frame masked with key, as a client must send it.
func appendFrame(dst []byte, opcode byte, key uint32, payload []byte) []byte {
	dst = append(dst, 0x80|opcode)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n <= 0xffff:
		dst = append(dst, 0x80|126, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = binary.BigEndian.AppendUint32(dst, key)
	start := len(dst)
	dst = append(dst, payload...)
	mask(dst[start:], key)
	return dst
}

// mask applies the masking key to b in place; applied twice it is undone.
func mask(b []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for len(b) >= 8 {
		binary.BigEndian.PutUint64(b, binary.BigEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(key >> (24 - 8*i%32))
	}
}

// nextFrame reads the frame at the start of b. The length n is 0 while the frame is incomplete.
func nextFrame(b []byte) (f frame, n int, err error) {
	if len(b) < 2 {
		return f, 0, nil
	}
	if b[1]&0x80 != 0 {
		return f, 0, errFrameMasked
	}
	size, head := uint64(b[1]), 2
	switch {
	case size == 126 && len(b) >= 4:
		size, head = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127 && len(b) >= 10:
		size, head = binary.BigEndian.Uint64(b[2:]), 10
	case size >= 126:
		return f, 0, nil
	}
	if size > maxFrame {
		return f, 0, errFrameSize
	}
	n = head + int(size)
	if len(b) < n {
		return f, 0, nil
	}
	return frame{opcode: b[0] & 0x0f, final: b[0]&0x80 != 0, payload: b[head:n]}, n, nil
}

// appendUpgrade appends the request that opens a Socket.IO session over WebSocket.
func appendUpgrade(dst []byte, addr, key string) []byte {
	return fmt.Appendf(dst, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", addr, key)
}

// upgradeKey gives the Sec-WebSocket-Key of the client with this number: 16 bytes in base64.
func upgradeKey(client int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "parley-%09d", client))
}

// acceptKey gives the Sec-WebSocket-Accept that answers key, RFC 6455 section 4.2.2.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// checkUpgrade reads the answer to an upgrade request. The length n is 0 while the answer is incomplete.
func checkUpgrade(b []byte, key string) (n int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxFrame {
			return 0, errFrameSize
		}
		return 0, nil
	}
	n = end + 4
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b[:n])), nil)
	if err != nil {
		return n, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return n, fmt.Errorf("the server answered the upgrade with %s", response.Status)
	}
	if response.Header.Get("Sec-WebSocket-Accept") != acceptKey(key) {
		return n, errors.New("the server answered the upgrade with a wrong Sec-WebSocket-Accept")
	}
	return n, nil
}
