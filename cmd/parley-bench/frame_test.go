package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// serverFrame gives a frame as a server sends it.
func serverFrame(opcode byte, final bool, payload []byte) []byte {
	b := appendFrame(nil, opcode, 0, payload) // key 0 leaves the payload as it is
	head := len(b) - len(payload)
	b = append(b[:head-4], payload...)
	b[1] &^= 0x80
	if !final {
		b[0] &^= 0x80
	}
	return b
}

func TestFrameIsReadOnceItIsComplete(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		payload := bytes.Repeat([]byte("p"), size)
		whole := serverFrame(opText, true, payload)
		for _, cut := range []int{0, 1, 2, 3, 9, len(whole) - 1} {
			if cut < len(whole) {
				if _, n, err := nextFrame(whole[:cut]); n != 0 || err != nil {
					t.Errorf("%d of %d bytes: length %d, error %v", cut, len(whole), n, err)
				}
			}
		}
		f, n, err := nextFrame(append(whole, "next"...))
		if err != nil || n != len(whole) || f.opcode != opText || !f.final || !bytes.Equal(f.payload, payload) {
			t.Errorf("payload of %d bytes: %d of %d bytes read, error %v", size, n, len(whole), err)
		}
	}
}

func TestFrameOfClientIsMasked(t *testing.T) {
	payload := []byte("a payload longer than a word")
	b := appendFrame(nil, opText, 0x01020304, payload)
	if b[1]&0x80 == 0 || bytes.Contains(b, payload[:4]) {
		t.Fatalf("frame is not masked: %q", b)
	}
	for i, c := range b[6:] {
		if want := payload[i] ^ byte(1+i%4); c != want {
			t.Fatalf("byte %d is %#x, want %#x", i, c, want)
		}
	}
}

func TestBadFramesAreRefused(t *testing.T) {
	if _, _, err := nextFrame(appendFrame(nil, opText, 1, []byte("x"))); !errors.Is(err, errFrameMasked) {
		t.Errorf("masked frame: %v", err)
	}
	huge := []byte{0x81, 127, 0xff, 0, 0, 0, 0, 0, 0, 0}
	if _, _, err := nextFrame(huge); !errors.Is(err, errFrameSize) {
		t.Errorf("frame of 2^63 bytes: %v", err)
	}
}

func TestUpgradeIsChecked(t *testing.T) {
	key := upgradeKey(7)
	good := "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: " + acceptKey(key) + "\r\n\r\n"
	if n, err := checkUpgrade([]byte(good+"\x81"), key); n != len(good) || err != nil {
		t.Errorf("good answer: length %d, error %v", n, err)
	}
	if n, err := checkUpgrade([]byte(good[:len(good)-1]), key); n != 0 || err != nil {
		t.Errorf("incomplete answer: length %d, error %v", n, err)
	}
	for name, bad := range map[string]string{
		"refused":   "HTTP/1.1 400 Bad Request\r\n\r\n",
		"wrong key": strings.Replace(good, acceptKey(key), acceptKey("other"), 1),
		"not HTTP":  "SSH-2.0\r\n\r\n",
	} {
		if _, err := checkUpgrade([]byte(bad), key); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAcceptKeyOfTheStandard(t *testing.T) {
	// RFC 6455 section 1.3.
	if got := acceptKey("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
}
