package sio

import "testing"

func TestAppendHeader(t *testing.T) {
	for _, c := range []struct {
		typ         Type
		attachments int
		namespace   string
		id          int64
		want        string
	}{
		{Connect, 0, "/", NoID, `0`},
		{Connect, 0, "", NoID, `0`},
		{Disconnect, 0, "/admin", NoID, `1/admin,`},
		{Event, 0, "/", 0, `20`},
		{Event, 3, "/", NoID, `2`},
		{Ack, 0, "/admin", MaxID, `3/admin,9007199254740991`},
		{BinaryEvent, 1, "/", NoID, `51-`},
		{BinaryAck, 10, "/admin", 12, `610-/admin,12`},
	} {
		if got := string(AppendHeader([]byte("4"), c.typ, c.attachments, c.namespace, c.id)); got != "4"+c.want {
			t.Errorf("got %s, want %s", got[1:], c.want)
		}
	}
}

func TestTypeNames(t *testing.T) {
	if Connect.String() != "CONNECT" || BinaryAck.String() != "BINARY_ACK" || Type(7).String() != "UNKNOWN" {
		t.Errorf("got %v %v %v", Connect, BinaryAck, Type(7))
	}
}

func TestReservedNames(t *testing.T) {
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		if _, err := Parse([]byte(`2["`+name+`"]`), Limits{}); err != errNameReserved {
			t.Errorf("event %s: %v", name, err)
		}
		if !Reserved(name) {
			t.Errorf("%s is not reserved", name)
		}
	}
	for _, name := range []string{"", "error", "message", "Connect", "connect ", "connection"} {
		if Reserved(name) {
			t.Errorf("%s is reserved", name)
		}
	}
}
