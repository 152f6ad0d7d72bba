package sio

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseReadsEveryPart(t *testing.T) {
	for _, c := range []struct {
		text string
		want Packet
	}{
		{`0`, Packet{Connect, "/", NoID, 0, nil}},
		{`1/admin,`, Packet{Disconnect, "/admin", NoID, 0, nil}},
		{`2["a"]`, Packet{Event, "/", NoID, 0, []byte(`["a"]`)}},
		{`2/admin,0["a"]`, Packet{Event, "/admin", 0, 0, []byte(`["a"]`)}},
		{`29007199254740991["a"]`, Packet{Event, "/", MaxID, 0, []byte(`["a"]`)}},
		{`4"no"`, Packet{ConnectError, "/", NoID, 0, []byte(`"no"`)}},
		{`510-/a,1["a"]`, Packet{BinaryEvent, "/a", 1, 10, []byte(`["a"]`)}},
		{`61-0[]`, Packet{BinaryAck, "/", 0, 1, []byte(`[]`)}},
	} {
		got, err := Parse([]byte(c.text), Limits{})
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("Parse(%s) = %+v, %v; want %+v", c.text, got, err, c.want)
		}
	}
}

func TestParseAliasesItsInput(t *testing.T) {
	text := []byte(`2/admin,["a"]`)
	p, err := Parse(text, Limits{})
	if err != nil || &p.Data[0] != &text[8] {
		t.Errorf("the payload was copied (%v)", err)
	}
	clear(text)
	if p.Namespace != "/admin" {
		t.Errorf("namespace is %q after the input was overwritten", p.Namespace)
	}
}

func TestParseCutAnywhere(t *testing.T) {
	for _, text := range loadVectors(t).texts() {
		checkParse(t, []byte(text), Limits{})
		for i := range text {
			checkParse(t, []byte(text[:i]), Limits{})
			checkParse(t, []byte(text[i:]), Limits{})
		}
	}
}

func TestParseRefusesInvalidUTF8(t *testing.T) {
	for _, text := range []string{
		"2[\"\xff\"]", "2[\"a\",\"\xc3\"]", "2[\"\xed\xa0\x80\"]", "2[\"\xc0\x80\"]", "0/\xff", "0/\xe4\xb8,{}", "\x80", "1\xf8",
	} {
		if _, err := Parse([]byte(text), Limits{}); err != errUTF8 {
			t.Errorf("Parse(%q): %v", text, err)
		}
	}
}

func TestLimitsHoldExactly(t *testing.T) {
	nested := func(levels int) string {
		return `2["a",` + strings.Repeat(`[`, levels-1) + strings.Repeat(`]`, levels-1) + `]`
	}
	objects := func(levels int) string {
		return `2["a",` + strings.Repeat(`{"k":`, levels-1) + `0` + strings.Repeat(`}`, levels-1) + `]`
	}
	for _, c := range []struct {
		name string
		lim  Limits
		last string // within the limit
		over string
		want *ParseError
	}{
		{"attachments by default", Limits{}, `510-["a"]`, `511-["a"]`, errAttachments},
		{"attachments", Limits{Attachments: 2}, `52-["a"]`, `53-["a"]`, errAttachments},
		{"attachments of a negative limit", Limits{Attachments: -1}, `510-["a"]`, `511-["a"]`, errAttachments},
		{"count of many digits", Limits{}, `5` + strings.Repeat("0", 1000) + `1-["a"]`, `5` + strings.Repeat("9", 1000) + `-["a"]`, errAttachments},
		{"depth by default", Limits{}, nested(64), nested(65), errDepth},
		{"depth", Limits{Depth: 3}, nested(3), nested(4), errDepth},
		{"depth of objects", Limits{Depth: 3}, objects(3), objects(4), errDepth},
		{"depth of one", Limits{Depth: 1}, `2["a"]`, `2["a",{}]`, errDepth},
		{"depth at its cap", Limits{Depth: 1 << 40}, nested(MaxDepth), nested(MaxDepth + 1), errDepth},
		{"namespace by default", Limits{}, `0/` + strings.Repeat("n", 254), `0/` + strings.Repeat("n", 255), errNamespace},
		{"namespace", Limits{Namespace: 3}, `0/ab`, `0/abc`, errNamespace},
		{"namespace with comma", Limits{Namespace: 3}, `0/ab,{}`, `0/abc,{}`, errNamespace},
		{"event name by default", Limits{}, `2["` + strings.Repeat("e", 128) + `"]`, `2["` + strings.Repeat("e", 129) + `"]`, errNameLong},
		{"event name in bytes", Limits{EventName: 3}, `2["é1"]`, `2["éé"]`, errNameLong},
		{"event name with escapes", Limits{EventName: 3}, `2["\u0061\n\u0063"]`, `2["\u0061\u0062\u0063d"]`, errNameLong},
		{"event name with many escapes", Limits{EventName: 3}, `2["\u0061\u0062\u0063"]`, `2["` + strings.Repeat(`\u0061`, 1000) + `"]`, errNameLong},
		{"numeric event name", Limits{EventName: 3}, `2[123]`, `2[1234]`, errNameLong},
		{"id", Limits{}, `29007199254740991["a"]`, `29007199254740992["a"]`, errID},
		{"id of many digits", Limits{}, `2` + strings.Repeat("0", 1000) + `1["a"]`, `2` + strings.Repeat("9", 1000) + `["a"]`, errID},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse([]byte(c.last), c.lim); err != nil {
				t.Errorf("within the limit: %v", err)
			}
			if _, err := Parse([]byte(c.over), c.lim); err != c.want {
				t.Errorf("over the limit: %v, want %v", err, c.want)
			}
		})
	}
}

func TestErrorsNameTheLimit(t *testing.T) {
	for err, want := range map[*ParseError]string{
		errAttachments: "Limits.Attachments", errDepth: "Limits.Depth", errNamespace: "Limits.Namespace", errNameLong: "Limits.EventName",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

func TestManyOpenBracketsFailFast(t *testing.T) {
	for _, opening := range []string{`[`, `{"a":`, `[{"a":`, `[[],`} {
		for _, prefix := range []string{`2["a",`, `51-["a",`, `0{"a":`, `3`} {
			text := []byte(prefix + strings.Repeat(opening, 400_000))
			var err error
			// Several runs, because the collector at work on this text allocates too.
			if allocs := testing.AllocsPerRun(5, func() { _, err = Parse(text, Limits{}) }); allocs != 0 {
				t.Errorf("%s%s…: %v allocations", prefix, opening, allocs)
			}
			if err == nil {
				t.Errorf("%s%s… was accepted", prefix, opening)
			}
			if _, err := Parse(text, Limits{Depth: 1 << 40}); err == nil {
				t.Errorf("%s%s… was accepted at the cap", prefix, opening)
			}
		}
	}
}

func TestParseNeedsNoAllocation(t *testing.T) {
	for text, want := range map[string]float64{
		`0`:                                           0,
		`2["echo",{"x":1,"text":"hello world"}]`:      0,
		`217["echo",["\u0061",null,true,1e5]]`:        0,
		`51-["a",{"_placeholder":true,"num":0}]`:      0,
		`51-["a",{"_placeholder":true,"\u006eum":0}]`: 0,
		`2["a"`:            0,
		`2/chat,["a"]`:     1, // the namespace
		`2["\u0061 name"]`: 1, // the unescaped name
		`2["1234\n1234\n1234\n1234\n1234\n1234\n1234\n1234"]`: 1,
		`2["a name that is longer than most names are"]`:      0,
	} {
		b := []byte(text)
		if got := testing.AllocsPerRun(100, func() { _, _ = Parse(b, Limits{}) }); got > want {
			t.Errorf("%s: %v allocations, want %v", text, got, want)
		}
	}
}

func TestParseInUsesTheNameThatIsLikely(t *testing.T) {
	text := []byte(`2/chat,["event"]`)
	for _, likely := range []string{"/chat", "/other", "/cha", "/chats", ""} {
		p, err := ParseIn(likely, text, Limits{})
		if err != nil || p.Namespace != "/chat" {
			t.Errorf("likely %q: got %q, %v", likely, p.Namespace, err)
		}
	}
	got := testing.AllocsPerRun(100, func() { _, _ = ParseIn("/chat", text, Limits{}) })
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}
