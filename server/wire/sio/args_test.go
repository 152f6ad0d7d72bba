package sio

import (
	"slices"
	"testing"
)

func TestArgsAreTheElementsBehindTheName(t *testing.T) {
	for _, c := range []struct {
		text string
		name string
		args []string
	}{
		{`2["a"]`, "a", nil},
		{`2["",1]`, "", []string{`1`}},
		{`2[ "a" , 1 ,"b,]" , [ 1 , [2] ] , {"k":"]}\""} , null ] `, "a", []string{`1`, `"b,]"`, `[ 1 , [2] ]`, `{"k":"]}\""}`, `null`}},
		{`2[-1.5,"x"]`, "-1.5", []string{`"x"`}},
		{`2["\u0061\"\ud83d\ude00",true]`, `a"😀`, []string{`true`}},
		{`51-["b",{"_placeholder":true,"num":0}]`, "b", []string{`{"_placeholder":true,"num":0}`}},
	} {
		p := mustParse(t, c.text)
		if p.EventName() != c.name || string(p.EventNameBytes()) != c.name || string(p.AppendEventName([]byte("/"))) != "/"+c.name {
			t.Errorf("%s: name %q, want %q", c.text, p.EventName(), c.name)
		}
		if got := collect(p.Args()); !slices.Equal(got, c.args) {
			t.Errorf("%s: arguments %q, want %q", c.text, got, c.args)
		}
	}
}

func TestArgsOfAnAcknowledgementAreAllElements(t *testing.T) {
	for text, want := range map[string][]string{
		`31[]`:                                nil,
		`31[ ]`:                               nil,
		`31["a",2]`:                           {`"a"`, `2`},
		`61-1[{"_placeholder":true,"num":0}]`: {`{"_placeholder":true,"num":0}`},
	} {
		if got := collect(mustParse(t, text).Args()); !slices.Equal(got, want) {
			t.Errorf("%s: arguments %q, want %q", text, got, want)
		}
	}
}

func TestArgsOfOtherPacketsAreNone(t *testing.T) {
	for _, text := range []string{`0`, `0{"a":1}`, `1`, `4"no"`, `4{}`} {
		p := mustParse(t, text)
		if a := p.Args(); a.Len() != 0 || p.EventName() != "" {
			t.Errorf("%s: %q and %d arguments", text, p.EventName(), a.Len())
		}
	}
}

func TestAnAppendedArgumentLeavesThePayloadAlone(t *testing.T) {
	p := mustParse(t, `2["a",1,2]`)
	args := p.Args()
	raw, _ := args.Next()
	_ = append(raw, 'x')
	if string(p.Data) != `["a",1,2]` {
		t.Errorf("the payload became %s", p.Data)
	}
}

// Nobody should ask for the arguments of a payload that Parse has not seen, but it must not hang or panic either.
func TestArgsOfBrokenPayloadsEnd(t *testing.T) {
	for _, text := range append(jsonTexts, `["a`, `["\`, `["`, `[,,`, `["a",`, `[}`, `[{"a":"`, `["\u12`, `["\ud83d\`) {
		for i := range len(text) + 1 {
			for _, prefix := range []string{``, `[`, `["a",`} {
				p := Packet{Type: Event, Data: []byte(prefix + text[:i])}
				a := p.Args()
				if n := a.Len(); n > len(p.Data) {
					t.Errorf("%s: %d arguments", p.Data, n)
				}
				_ = p.EventName()
			}
		}
	}
}

func TestEventsAreLookedUpWithoutAllocation(t *testing.T) {
	p := mustParse(t, `2["echo",{"x":1},"second"]`)
	handlers := map[string]int{"echo": 2}
	allocs := testing.AllocsPerRun(100, func() {
		args := p.Args()
		if handlers[string(p.EventNameBytes())] != args.Len() {
			t.Error("wrong event or arguments")
		}
		for {
			if _, ok := args.Next(); !ok {
				break
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func collect(args Args) (all []string) {
	for {
		raw, ok := args.Next()
		if !ok {
			return all
		}
		all = append(all, string(raw))
	}
}
