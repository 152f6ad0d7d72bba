package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"parley/server/socketio"
)

type point struct {
	X int    `json:"x"`
	S string `json:"s,omitempty"`
}

// show registers an event that acknowledges with how Go prints its argument.
func show[In any](ns *socketio.Namespace, event string) {
	socketio.OnAck(ns, event, func(_ context.Context, _ *socketio.Socket, in In) (string, error) {
		return fmt.Sprintf("%+v", in), nil
	})
}

func TestArgumentsAreDecodedIntoTheHandlersType(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	show[string](ns, "string")
	show[bool](ns, "bool")
	show[int](ns, "int")
	show[int8](ns, "int8")
	show[float64](ns, "float64")
	show[point](ns, "struct")
	show[*point](ns, "pointer")
	show[[]int](ns, "slice")
	show[map[string]int](ns, "map")
	show[any](ns, "any")
	show[json.RawMessage](ns, "raw")
	show[socketio.None](ns, "none")
	show[socketio.Args2[string, point]](ns, "args2")
	show[socketio.Args3[int, int, any]](ns, "args3")
	show[[]byte](ns, "bytes")
	show[struct{ B []byte }](ns, "nested bytes")
	c := connect(t, srv, "/")
	const (
		wrongType = `{"ok":false,"error":{"code":"invalid","message":"Argument of the wrong type"}}`
		none      = `{"ok":false,"error":{"code":"invalid","message":"Wrong number of arguments: 0 instead of 1"}}`
		two       = `{"ok":false,"error":{"code":"invalid","message":"Wrong number of arguments: 2 instead of 1"}}`
	)
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	type args []any
	for _, call := range []struct {
		event string
		args  args
		want  string
	}{
		{"string", args{"a\"\n\u2028é😀"}, `"a\"\n` + "\u2028é😀" + `"`},
		{"string", args{raw(`"\u00e9\ud83d\ude00"`)}, `"é😀"`},
		{"string", args{raw(`"\ud83d"`)}, wrongType},
		{"string", args{nil}, wrongType},
		{"string", args{7}, wrongType},
		{"string", args{[]byte("x")}, wrongType},
		{"string", args{}, none},
		{"string", args{"a", "b"}, two},
		{"bool", args{true}, `"true"`},
		{"bool", args{"true"}, wrongType},
		{"int", args{-42}, `"-42"`},
		{"int", args{1.5}, wrongType},
		{"int", args{raw("9223372036854775808")}, wrongType},
		{"int", args{raw("1e3")}, wrongType},
		{"int", args{"1"}, wrongType},
		{"int8", args{127}, `"127"`},
		{"int8", args{128}, wrongType},
		{"float64", args{1.5}, `"1.5"`},
		{"float64", args{raw("1e999")}, wrongType},
		{"float64", args{"NaN"}, wrongType},
		{"struct", args{raw(`{"x":1,"s":"t","unknown":2}`)}, `"{X:1 S:t}"`},
		{"struct", args{raw(`{"X":1}`)}, `"{X:0 S:}"`},
		{"struct", args{raw(`{"x":1,"x":2}`)}, wrongType},
		{"struct", args{raw(`{"x":"1"}`)}, wrongType},
		{"struct", args{raw(`[1]`)}, wrongType},
		{"struct", args{nil}, wrongType},
		{"struct", args{[]byte("x")}, wrongType},
		{"pointer", args{nil}, `"\u003cnil\u003e"`},
		{"slice", args{[]int{1, 2}}, `"[1 2]"`},
		{"map", args{raw(`{"a":1}`)}, `"map[a:1]"`},
		{"any", args{raw(`[1,"a",null,{"b":true}]`)}, `"[1 a \u003cnil\u003e map[b:true]]"`},
		{"any", args{[]byte("x")}, `"[120]"`},
		{"raw", args{raw(`{ "a" : 1 }`)}, `"[123 34 97 34 58 49 125]"`},
		{"raw", args{[]byte("x")}, wrongType},
		{"none", args{}, `"{}"`},
		{"none", args{1}, `{"ok":false,"error":{"code":"invalid","message":"Wrong number of arguments: 1 instead of 0"}}`},
		{"args2", args{"a", point{X: 2}}, `"{A:a B:{X:2 S:}}"`},
		{"args2", args{"a", "b"}, wrongType},
		{"args3", args{1, 2, "c"}, `"{A:1 B:2 C:c}"`},
		{"args3", args{1, 2}, `{"ok":false,"error":{"code":"invalid","message":"Wrong number of arguments: 2 instead of 3"}}`},
		{"bytes", args{[]byte{1, 2}}, `"[1 2]"`},
		{"bytes", args{[]byte{}}, `"[]"`},
		{"bytes", args{"AQI="}, wrongType},
		{"nested bytes", args{raw(`{"B":"AQI="}`)}, wrongType},
		{"nested bytes", args{raw(`{"B":null}`)}, `"{B:[]}"`},
	} {
		got := ask(t, c, call.event, call.args...)
		var want, have any
		if err := errors.Join(json.Unmarshal([]byte(call.want), &want), json.Unmarshal([]byte(got), &have)); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(want) != fmt.Sprint(have) {
			t.Errorf("%s%v: got %s, want %s", call.event, call.args, got, call.want)
		}
	}
}

func TestBinaryIsFoundWhereverItStands(t *testing.T) {
	type file struct {
		Name  string           `json:"name"`
		Body  []byte           `json:"body"`
		Parts map[string]any   `json:"parts"`
		More  []socketio.Value `json:"more"`
	}
	srv := newServer(t, nil)
	ns := srv.Of("/")
	socketio.On(ns, "file", func(_ context.Context, s *socketio.Socket, in file) error {
		if err := s.Emit("text", fmt.Sprintf("%s %s %s", in.Name, in.Body, in.Parts["a"])); err != nil {
			return err
		}
		return s.Emit("back", in)
	})
	socketio.On(ns, "any", func(_ context.Context, s *socketio.Socket, in any) error { return s.Emit("back", in) })
	c := connect(t, srv, "/")

	const sent = `{"name":"n","body":{"_placeholder":true,"num":1},"parts":{"a":{"_placeholder":true,"num":0}},` +
		`"more":[[{"_placeholder":true,"num":2}],7]}`
	for _, event := range []string{"file", "any"} {
		err := c.Write(fmt.Sprintf(`53-["%s",%s]`, event, sent))
		for _, data := range []string{"one", "two", "three"} {
			err = errors.Join(err, c.WriteBinary([]byte(data)))
		}
		if err != nil {
			t.Fatal(err)
		}
		e := c.Expect("back")
		if event == "any" { // the order of a map's keys, and so of the attachments, is no matter
			if len(e.Attachments) != 3 {
				t.Errorf("%d attachments came back", len(e.Attachments))
			}
			continue
		}
		expect(t, c, "text", "n two one")
		const want = `{"name":"n","body":{"_placeholder":true,"num":0},"parts":{"a":{"_placeholder":true,"num":1}},` +
			`"more":[[{"_placeholder":true,"num":2}],7]} [two one three]`
		if got := joined(e.Args) + fmt.Sprintf(" %s", e.Attachments); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestValuesAreRelayedAsTheyCame(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	type two = socketio.Args2[socketio.Value, socketio.Value]
	socketio.On(ns, "second", func(_ context.Context, s *socketio.Socket, in two) error {
		return s.Emit("second", in.B)
	})
	socketio.On(ns, "swapped", func(_ context.Context, s *socketio.Socket, in two) error {
		return s.Emit("swapped", in.B, in.A, []byte("mine"), in.B)
	})
	c := connect(t, srv, "/")
	for _, relay := range []struct{ event, sent, want string }{
		{"second", `[1.0,{"b":1e400,"a":"\ud800","a":9007199254740993}]`, `{"b":1e400,"a":"\ud800","a":9007199254740993} []`},
		{"second", `[{"_placeholder":true,"num":0},{"b":[{"num":1,"_placeholder":true},{"_placeholder":true,"num":2}]}]`,
			`{"b":[{"num":0,"_placeholder":true},{"_placeholder":true,"num":1}]} [b c]`},
		{"second", `[[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}],"plain"]`, `"plain" []`},
		{"swapped", `[{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]]`,
			`[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}],{"_placeholder":true,"num":2},` +
				`{"_placeholder":true,"num":3},[{"_placeholder":true,"num":4},{"_placeholder":true,"num":5}] [b c a mine b c]`},
	} {
		packet := fmt.Sprintf(`["%s",%s`, relay.event, relay.sent[1:])
		binary := relay.want[len(relay.want)-2:] != "[]" || relay.sent[2] == '{'
		if !binary {
			packet = "2" + packet
		} else {
			packet = "53-" + packet
		}
		if err := c.Write(packet); err != nil {
			t.Fatal(err)
		}
		if binary {
			for _, data := range []string{"a", "b", "c"} {
				if err := c.WriteBinary([]byte(data)); err != nil {
					t.Fatal(err)
				}
			}
		}
		e := c.Expect(relay.event)
		if got := joined(e.Args) + fmt.Sprintf(" %s", e.Attachments); got != relay.want {
			t.Errorf("%s:\ngot  %s\nwant %s", relay.sent, got, relay.want)
		}
	}
}

func TestOutcomeReachesTheClient(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	failures := map[string]error{
		"plain":   &socketio.Error{Code: "too_long", Message: "Too long."},
		"data":    fmt.Errorf("x: %w", &socketio.Error{Code: "limit", Message: "no", Data: 7}),
		"private": errors.New("database password is hunter2"),
		"none":    nil,
	}
	for event, err := range failures {
		socketio.On(ns, event, func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
			if socketio.HasAck(ctx) != (ctx.Value("x") == nil && socketio.HasAck(context.WithoutCancel(ctx))) {
				t.Error("derived contexts forget the acknowledgement")
			}
			if !socketio.HasAck(ctx) {
				if err := s.Emit("no ack"); err != nil {
					t.Error(err)
				}
			}
			return err
		})
	}
	socketio.OnAck(ns, "broken", func(context.Context, *socketio.Socket, socketio.None) (any, error) {
		return func() {}, nil
	})
	c := connect(t, srv, "/")
	for event, want := range map[string]string{
		"plain":   `{"ok":false,"error":{"code":"too_long","message":"Too long."}}`,
		"data":    `{"ok":false,"error":{"code":"limit","message":"no","data":7}}`,
		"private": `{"ok":false,"error":{"code":"internal","message":"Internal error"}}`,
		"broken":  `{"ok":false,"error":{"code":"internal","message":"Internal error"}}`,
		"none":    ``,
	} {
		if got := ask(t, c, event); got != want {
			t.Errorf("%s: got %s, want %s", event, got, want)
		}
	}
	for event, want := range map[string]string{
		"plain":   `{"code":"too_long","message":"Too long."}`,
		"data":    `{"code":"limit","message":"no","data":7}`,
		"private": `{"code":"internal","message":"Internal error"}`,
	} {
		emit(t, c, event)
		c.Expect("no ack")
		if got := joined(c.Expect("error").Args); got != want {
			t.Errorf("%s: got %s, want %s", event, got, want)
		}
	}
	emit(t, c, "none", "an argument too many")
	const want = `{"code":"invalid","message":"Wrong number of arguments: 1 instead of 0"}`
	if got := joined(c.Expect("error").Args); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEmittedValuesReadAsJavaScriptWouldPrintThem(t *testing.T) {
	srv := newServer(t, nil)
	c := connect(t, srv, "/")
	s := srv.Of("/").Sockets()[0]
	type floats struct {
		F float64 `json:"f"`
		G float32 `json:"g"`
	}
	for _, v := range []struct {
		value any
		want  string
	}{
		{nil, `null`},
		{"<a href=\"x\">\u2028\x01é", "\"<a href=\\\"x\\\">\u2028\\u0001é\""},
		{"bad \xff", `"bad ` + "\ufffd" + `"`},
		{true, `true`},
		{-7, `-7`},
		{int64(math.MaxInt64), `9223372036854775807`},
		{uint8(200), `200`},
		{0.1, `0.1`},
		{1e21, `1e+21`},
		{1e20, `100000000000000000000`},
		{1e-7, `1e-7`},
		{math.Copysign(0, -1), `0`},
		{math.NaN(), `null`},
		{math.Inf(-1), `null`},
		{floats{math.Inf(1), float32(math.NaN())}, `{"f":null,"g":null}`},
		{[]any{math.NaN(), "x"}, `[null,"x"]`},
		{[]string(nil), `[]`},
		{map[string]int(nil), `{}`},
		{(*point)(nil), `null`},
		{point{X: 1}, `{"x":1}`},
		{json.RawMessage(`{"a":1}`), `{"a":1}`},
		{socketio.Value{}, `null`},
	} {
		if err := s.Emit("v", v.value); err != nil {
			t.Errorf("%#v: %v", v.value, err)
			continue
		}
		if got := joined(c.Expect("v").Args); got != v.want {
			t.Errorf("%#v: got %s, want %s", v.value, got, v.want)
		}
	}
}

func TestEmitRefusesWhatWouldHarmTheClient(t *testing.T) {
	srv := newServer(t, &socketio.Options{MaxAttachments: 2})
	withSync(srv.Of("/"))
	c := connect(t, srv, "/")
	s := srv.Of("/").Sockets()[0]
	mustBe(t, s.Emit("disconnect"), socketio.ErrReserved)
	mustBe(t, srv.Of("/").Emit("connect_error"), socketio.ErrReserved)
	many := [][]byte{{1}, {2}, {3}}
	mustBe(t, s.Emit("many", many), socketio.ErrTooManyAttachments)
	if err := s.Emit("broken", 1, make(chan int)); err == nil {
		t.Error("a channel was sent")
	}
	if err := s.Emit("broken", json.RawMessage("{")); err == nil {
		t.Error("broken JSON was sent")
	}
	handled(t, c)
	if e, err := c.Next(canceled()); err == nil {
		t.Errorf("event %s came", e.Name)
	}
	if err := s.Emit("two", many[:2]); err != nil {
		t.Error(err)
	}
	c.Expect("two")
}

// canceled is for what must be there already.
func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestSocketsHandlersComeBeforeTheNamespaces(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	say := func(sc socketio.Scope, what string) {
		socketio.OnAck(sc, "who", func(context.Context, *socketio.Socket, socketio.None) (string, error) { return what, nil })
	}
	say(ns, "namespace")
	c := connect(t, srv, "/")
	for _, want := range []string{"namespace", "socket", "socket again"} {
		if want != "namespace" {
			say(ns.Sockets()[0], want)
		}
		if got := ask(t, c, "who"); got != `"`+want+`"` {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestImpossibleRegistrationsPanic(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	none := func(context.Context, *socketio.Socket, socketio.None) error { return nil }
	socketio.On(ns, "twice", none)
	for name, register := range map[string]func(){
		"reserved name":    func() { socketio.On(ns, "disconnect", none) },
		"second handler":   func() { socketio.On(ns, "twice", none) },
		"comma":            func() { srv.Of("/a,b") },
		"long name":        func() { srv.Of(string(make([]byte, 300))) },
		"negative option":  func() { socketio.New(&socketio.Options{MaxRooms: -1}) },
		"negative timeout": func() { socketio.New(&socketio.Options{PingTimeout: -1}) },
		"deep":             func() { socketio.New(&socketio.Options{MaxDepth: 1e6}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			register()
		})
	}
	if srv.Of("chat") != srv.Of("/chat") || srv.Of("chat").Name() != "/chat" {
		t.Error("the leading slash matters")
	}
}
