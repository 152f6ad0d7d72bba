package main

import (
	"bytes"
	"strconv"
)

// The packets of the namespace that the driver uses. All numbers that a server must give back unchanged
// travel in the one argument of a message, so that any serializer between is fine.
const (
	packetPing      = "2"
	packetPong      = "3"
	packetConnect   = "40/bench,"
	packetConnected = "40/bench," // the server's answer begins the same way
	packetEvent     = "42/bench,"
	packetAck       = "43/bench,"
)

const (
	fieldClient = `{"client":`
	fieldSeq    = `,"seq":`
	fieldText   = `,"text":"`
)

// minPayload is the smallest argument that has room for two numbers of nine digits.
const minPayload = len(fieldClient) + len(fieldSeq) + len(fieldText) + len(`"}`) + 2*9

// appendArgument appends a message's argument, padded to exactly size bytes.
func appendArgument(dst []byte, client, seq, size int) []byte {
	start := len(dst)
	dst = append(dst, fieldClient...)
	dst = strconv.AppendInt(dst, int64(client), 10)
	dst = append(dst, fieldSeq...)
	dst = strconv.AppendInt(dst, int64(seq), 10)
	dst = append(dst, fieldText...)
	for pad := size - len(`"}`) - (len(dst) - start); pad > 0; pad-- {
		dst = append(dst, 'x')
	}
	return append(dst, `"}`...)
}

// parseMessage reads the numbers out of a message that ends with an argument of exactly size bytes. head is what
// comes before the argument. ok is false for anything a faithful server would not send.
func parseMessage(b []byte, size int) (head []byte, client, seq int, ok bool) {
	start := len(b) - size - 1
	if start < 0 || b[len(b)-1] != ']' || !bytes.HasSuffix(b, []byte(`"}]`)) {
		return nil, 0, 0, false
	}
	rest, ok := bytes.CutPrefix(b[start:], []byte(fieldClient))
	if !ok {
		return nil, 0, 0, false
	}
	client, rest, ok = cutNumber(rest)
	if !ok {
		return nil, 0, 0, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(fieldSeq)); !ok {
		return nil, 0, 0, false
	}
	seq, rest, ok = cutNumber(rest)
	return b[:start], client, seq, ok && bytes.HasPrefix(rest, []byte(fieldText))
}

// cutNumber reads the decimal digits at the start of b, nine at most.
func cutNumber(b []byte) (n int, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && i < 9 && b[i] >= '0' && b[i] <= '9'; i++ {
		n = n*10 + int(b[i]-'0')
	}
	return n, b[i:], i > 0
}
