package eio

import (
	"encoding/json"
	"errors"
	"math"
	"time"
)

// ErrHandshake means that the data of an open packet is not a handshake.
var ErrHandshake = errors.New("engine.io: invalid handshake")

// A Handshake is the data of the open packet: what the server tells the client about their session.
type Handshake struct {
	SID          string
	Upgrades     []string
	PingInterval time.Duration
	PingTimeout  time.Duration
	MaxPayload   int // in bytes; 0 when a server says nothing
}

// handshakeJSON has the five keys of the protocol in the order the reference server writes them.
type handshakeJSON struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"`
	PingTimeout  int64    `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

// Append appends the JSON form of h to dst. Durations are cut to whole milliseconds.
func (h Handshake) Append(dst []byte) []byte {
	upgrades := h.Upgrades
	if upgrades == nil {
		upgrades = []string{} // clients call methods of the array, null breaks them
	}
	// Strings and integers always marshal.
	text, _ := json.Marshal(handshakeJSON{
		SID:          h.SID,
		Upgrades:     upgrades,
		PingInterval: h.PingInterval.Milliseconds(),
		PingTimeout:  h.PingTimeout.Milliseconds(),
		MaxPayload:   h.MaxPayload,
	})
	return append(dst, text...)
}

// ParseHandshake decodes the data of an open packet. Unknown keys are ignored.
func ParseHandshake(data []byte) (Handshake, error) {
	var h handshakeJSON
	if json.Unmarshal(data, &h) != nil || h.SID == "" || h.MaxPayload < 0 {
		return Handshake{}, ErrHandshake
	}
	if !validMillis(h.PingInterval) || !validMillis(h.PingTimeout) {
		return Handshake{}, ErrHandshake
	}
	return Handshake{
		SID:          h.SID,
		Upgrades:     h.Upgrades,
		PingInterval: time.Duration(h.PingInterval) * time.Millisecond,
		PingTimeout:  time.Duration(h.PingTimeout) * time.Millisecond,
		MaxPayload:   h.MaxPayload,
	}, nil
}

// validMillis reports whether ms is a positive number of milliseconds that a time.Duration can hold.
func validMillis(ms int64) bool {
	return ms > 0 && ms <= math.MaxInt64/int64(time.Millisecond)
}
