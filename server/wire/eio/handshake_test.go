package eio

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestHandshakeIsWrittenAsTheReferenceDoes(t *testing.T) {
	for _, c := range []struct {
		h    Handshake
		want string
	}{
		{
			Handshake{"lv_VI97HAXpY6yYWAAAC", []string{"websocket"}, 25 * time.Second, 20 * time.Second, 1_000_000},
			`{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
		},
		{
			Handshake{"a", nil, 300*time.Millisecond + time.Microsecond, time.Millisecond, 0},
			`{"sid":"a","upgrades":[],"pingInterval":300,"pingTimeout":1,"maxPayload":0}`,
		},
	} {
		if got := string(c.h.Append([]byte("0"))); got != "0"+c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestHandshakeSurvivesTheWire(t *testing.T) {
	for _, h := range []Handshake{
		{"lv_VI97HAXpY6yYWAAAC", []string{"websocket", "webtransport"}, 25 * time.Second, 20 * time.Second, 1_000_000},
		{"quote \" and <tag>", []string{}, time.Millisecond, time.Hour, 1},
	} {
		got, err := ParseHandshake(h.Append(nil))
		if err != nil || !reflect.DeepEqual(got, h) {
			t.Errorf("got %+v, %v; want %+v", got, err, h)
		}
	}
}

func TestHandshakeRefusesNonsense(t *testing.T) {
	for _, data := range []string{
		``,
		`null`,
		`[]`,
		`{}`,
		`{"sid":"","pingInterval":1,"pingTimeout":1}`,
		`{"sid":1,"pingInterval":1,"pingTimeout":1}`,
		`{"sid":"a","pingInterval":0,"pingTimeout":1}`,
		`{"sid":"a","pingInterval":1,"pingTimeout":-1}`,
		`{"sid":"a","pingInterval":1.5,"pingTimeout":1}`,
		`{"sid":"a","pingInterval":9223372036854775807,"pingTimeout":1}`,
		`{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":-1}`,
		`{"sid":"a","pingInterval":1,"pingTimeout":1,"upgrades":"websocket"}`,
		`{"sid":"a","pingInterval":1,"pingTimeout":1}x`,
	} {
		if h, err := ParseHandshake([]byte(data)); !errors.Is(err, ErrHandshake) {
			t.Errorf("ParseHandshake(%s) = %+v, %v", data, h, err)
		}
	}
}
