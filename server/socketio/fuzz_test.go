package socketio_test

import (
	"context"
	"testing"

	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// FuzzPackets sends whatever comes to mind to handlers of all kinds. The process and
// another client must outlive it.
func FuzzPackets(f *testing.F) {
	for _, text := range []string{
		`2["value",{"a":[1]}]`, `2/,7["any",[null]]`, `2["struct",{"name":"a","body":null,"more":{}}]`,
		`51-["value",{"_placeholder":true,"num":0}]`, `52-["any",[{"_placeholder":true,"num":1}]]`,
		`51-["struct",{"body":{"_placeholder":true,"num":0}}]`, `51-3["several","a",{"_placeholder":true,"num":0}]`,
		`1`, `0/other,{"token":1}`, `3["x"]`, `30[]`, `61-0[{"_placeholder":true,"num":0}]`, `2["string","\ud800"]`,
	} {
		f.Add(text, []byte("binary"), uint8(len(text)%3))
	}
	srv := fuzzed(f)
	good := socketiotest.Connect(f, srv, "/", nil)
	f.Fuzz(func(t *testing.T, text string, binary []byte, attachments uint8) {
		c := connect(t, srv, "/")
		emit(t, c, "call")
		_ = c.Write(text) // the server may be quicker to close than we are to send
		for range attachments % 4 {
			_ = c.WriteBinary(binary)
		}
		c.Close()
		<-c.Done()
		handled(t, good)
	})
}

// FuzzMessagePack is FuzzPackets for clients that speak MessagePack.
func FuzzMessagePack(f *testing.F) {
	for _, p := range []sio.Packet{
		{Type: sio.Event, Namespace: "/", ID: 7, Data: []byte(`["any",[null,1.5,{"a":"b"}]]`)},
		{Type: sio.BinaryEvent, Namespace: "/", ID: 3, Data: []byte(`["struct",{"body":{"_placeholder":true,"num":0}}]`)},
		{Type: sio.BinaryEvent, Namespace: "/", ID: 4, Data: []byte(`["value",[{"\u005fplaceholder":true,"num":0},{"_placeholder":true,"num":0}]]`)},
		{Type: sio.Connect, Namespace: "/other", ID: sio.NoID, Data: []byte(`{"token":1}`)},
		{Type: sio.Ack, Namespace: "/", ID: 0, Data: []byte(`[]`)},
		{Type: sio.Disconnect, Namespace: "/", ID: sio.NoID},
	} {
		data, err := msgpack.AppendPacket(nil, p, [][]byte{{1, 2}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	srv := fuzzed(f)
	good := socketiotest.Connect(f, srv, "/", nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		c := socketiotest.Connect(t, srv, "/", &socketiotest.Options{MessagePack: true})
		emit(t, c, "call")
		_ = c.WriteBinary(data)
		c.Close()
		<-c.Done()
		handled(t, good)
	})
}

// fuzzed returns a server with handlers of all kinds.
func fuzzed(f *testing.F) *socketio.Server {
	srv := socketio.New(nil)
	f.Cleanup(func() { _ = srv.Shutdown(context.Background()) })
	ns := withSync(srv.Of("/"))
	srv.Of("/other")
	echoes[socketio.Value](ns, "value")
	echoes[any](ns, "any")
	echoes[string](ns, "string")
	echoes[socketio.Args2[string, []byte]](ns, "several")
	echoes[struct {
		Name string
		Body []byte
		More *socketio.Value
	}](ns, "struct")
	socketio.On(ns, "call", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		go func() { _, _ = socketio.Call[any](ctx, s, "question") }()
		return nil
	})
	return srv
}

// FuzzEventsOfOtherServers delivers payloads that an adapter may have got from anywhere.
// What is not refused reaches a client that finds it in order.
func FuzzEventsOfOtherServers(f *testing.F) {
	for _, data := range []string{
		`["e",{"a":[1]}]`, `["e",{"_placeholder":true,"num":0}]`, `["e",[{"_placeholder":true,"num":2}]]`, `[7]`, `{}`, `0["e"]`, `["connect"]`, ``,
	} {
		f.Add(data, []byte("binary"), uint8(len(data)%4))
	}
	var log lockedBuffer
	srv, b := brokenServer(f, &log)
	socketio.OnServerSideAck(srv.Of("/"), "e", func(_ context.Context, in any) (any, error) { return in, nil })
	c := socketiotest.Connect(f, srv, "/", nil)
	f.Fuzz(func(t *testing.T, data string, binary []byte, attachments uint8) {
		p := adapter.Payload{Data: []byte(data)}
		for range attachments % 4 {
			p.Attachments = append(p.Attachments, binary)
		}
		answered := make(chan struct{})
		if b.local.ServerSide(p, func(adapter.Payload) { close(answered) }) == nil {
			<-answered
		}
		if b.local.Deliver(p, adapter.Selection{}, adapter.Flags{}) != nil {
			return
		}
		e, err := c.Next(within(t, patience))
		if err != nil || len(e.Attachments) != len(p.Attachments) {
			t.Fatalf("%q reaches the client as %v, %v", data, e, err)
		}
	})
}

// echoes registers an event that sends its argument back, both ways.
func echoes[In any](ns *socketio.Namespace, event string) {
	socketio.OnAck(ns, event, func(_ context.Context, s *socketio.Socket, in In) (In, error) {
		return in, s.Emit(event, in)
	})
}
