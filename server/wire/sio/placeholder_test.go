package sio

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestPlaceholder(t *testing.T) {
	for raw, want := range map[string]int{
		`{"_placeholder":true,"num":0}`:                0,
		`{"num":12,"_placeholder":true}`:               12,
		` { "_placeholder" : true , "num" : 3 } `:      3,
		`{"_placeholder":true,"\u006e\u0075\u006d":1}`: 1,
		`{"_placeholder":true,"num":2,"more":[{}]}`:    2,
		`{"_placeholder":true,"num":2147483646}`:       2147483646,
	} {
		if num, ok := Placeholder([]byte(raw)); !ok || num != want {
			t.Errorf("%s: %d, %v", raw, num, ok)
		}
	}
	for _, raw := range []string{
		``, ` `, `{`, `{}`, `[]`, `true`, `"_placeholder"`, `{"num":0}`, `{"_placeholder":true}`,
		`{"_placeholder":false,"num":0}`, `{"_placeholder":1,"num":0}`, `{"_placeholder":"true","num":0}`, `{"_placeholder":null,"num":0}`,
		`{"_placeholder":true,"num":-1}`, `{"_placeholder":true,"num":1.0}`, `{"_placeholder":true,"num":1e0}`, `{"_placeholder":true,"num":"0"}`,
		`{"_placeholder":true,"num":99999999999999999999}`, `{"_placeholder":true,"num":null}`, `{"_placeholder":true,"num":[0]}`,
		`{"_placeholder":true,"num":0}x`, `{"_placeholder":true,"num":0`, `[{"_placeholder":true,"num":0}]`, `{"a":{"_placeholder":true,"num":0}}`,
		`{"_placeholder ":true,"num":0}`, `{"_Placeholder":true,"num":0}`, `{"placeholder":true,"num":0}`, `{"\\u005fplaceholder":true,"num":0}`,
		`{"\u005fplaceholder":true,"num":0}`, `{"\u005Fplaceholder":true,"num":0}`,
	} {
		if num, ok := Placeholder([]byte(raw)); ok {
			t.Errorf("%s: taken for attachment %d", raw, num)
		}
	}
}

func TestPlaceholdersAreDataWithoutAttachments(t *testing.T) {
	for _, text := range []string{
		`2["a",{"_placeholder":true,"num":"splice"}]`,
		`31[{"_placeholder":true,"_placeholder":true}]`,
		`0{"_placeholder":true,"num":99}`,
		`4{"_placeholder":true}`,
	} {
		if _, err := Parse([]byte(text), Limits{}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPlaceholderNumbersAreBounded(t *testing.T) {
	for num, ok := range map[string]bool{
		`0`: true, `1`: true, `2`: false, `3`: false, `18446744073709551616`: false, `10`: false, `-1`: false, `true`: false, `{}`: false,
	} {
		text := `52-["a",{"_placeholder":true,"num":` + num + `}]`
		if _, err := Parse([]byte(text), Limits{}); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAppendPlaceholderIsRecognised(t *testing.T) {
	for _, want := range []int{0, 1, 9, 10, 12345} {
		raw := AppendPlaceholder(nil, want)
		if num, ok := Placeholder(raw); !ok || num != want {
			t.Errorf("%s: %d, %v", raw, num, ok)
		}
	}
}

func TestRenumber(t *testing.T) {
	for _, c := range []struct {
		raw  string
		base int
		want string
	}{
		{`1`, 5, `1`},
		{`{"_placeholder":true,"num":0}`, 0, `{"_placeholder":true,"num":0}`},
		{`{"_placeholder":true,"num":0}`, 12, `{"_placeholder":true,"num":12}`},
		{`[ {"num" : 7 ,"_placeholder":true} ,{"a":{"_placeholder":true,"num":9,"x":"y"}}]`, 3, `[ {"num" : 10 ,"_placeholder":true} ,{"a":{"_placeholder":true,"num":12,"x":"y"}}]`},
		{`{"num":1,"_placeholder":false,"b":{"num":2}}`, 4, `{"num":1,"_placeholder":false,"b":{"num":2}}`},
		{`[{"\u005fplaceholder":true,"num":1},{"_placeholder":true,"n\u0075m":1}]`, 1, `[{"\u005fplaceholder":true,"num":1},{"_placeholder":true,"n\u0075m":2}]`},
		{`[{"_placeholder":true,"num":0},{"_placeholder":true,"num":-1}]`, 1, `[{"_placeholder":true,"num":0},{"_placeholder":true,"num":-1}]`},
		{`[{"_placeholder":true,"num":0}`, 1, `[{"_placeholder":true,"num":0}`},
		{``, 1, ``},
	} {
		if got := string(Renumber([]byte("kept "), []byte(c.raw), c.base)); got != "kept "+c.want {
			t.Errorf("Renumber(%s, %d) = %s", c.raw, c.base, got)
		}
	}
}

func TestRenumberReachesAsDeepAsParse(t *testing.T) {
	wrap := func(num string) string {
		levels := MaxDepth - 1
		return strings.Repeat("[", levels) + `{"_placeholder":true,"num":` + num + `}` + strings.Repeat("]", levels)
	}
	if got := string(Renumber(nil, []byte(wrap("1")), 1)); got != wrap("2") {
		t.Error("the innermost placeholder was not renumbered")
	}
}

func TestRenumberNeedsNoAllocation(t *testing.T) {
	raw := []byte(`[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	buf := make([]byte, 0, 128)
	if n := testing.AllocsPerRun(100, func() { buf = Renumber(buf[:0], raw, 3) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPlaceholders(t *testing.T) {
	for _, c := range []struct {
		raw               string
		count, first, end int
		ok                bool
	}{
		{`[1,{"a":[]}]`, 0, 0, 0, true},
		{`{"_placeholder":true,"num":3}`, 1, 3, 4, true},
		{`[{"_placeholder":true,"num":5},{"_placeholder":true,"num":2},{"_placeholder":true,"num":5}]`, 3, 2, 6, true},
		{`[{"_placeholder":true,"num":5},{"\u005fplaceholder":true,"num":2}]`, 1, 5, 6, true},
		{`[`, 0, 0, 0, false},
	} {
		if count, first, end, ok := Placeholders([]byte(c.raw)); count != c.count || first != c.first || end != c.end || ok != c.ok {
			t.Errorf("%s: %d from %d to %d, %v", c.raw, count, first, end, ok)
		}
	}
}

func TestAppendKey(t *testing.T) {
	for _, key := range []string{"", "a", `"`, "num", "_placeholder", "_placeholder "} {
		var got map[string]int
		if err := json.Unmarshal(append(AppendKey([]byte{'{'}, key), ":7}"...), &got); err != nil || got[key] != 7 {
			t.Errorf("%q became %v, %v", key, got, err)
		}
	}
}

func TestAppendBinaryPayload(t *testing.T) {
	const real = `{"_placeholder":true,"num":0}`
	for payload, want := range map[string]string{
		`["a",` + real + `]`: `["a",` + real + `]`,
		`["a",{"\u005fplaceholder":true,"num":0},` + real + `]`:     `["a",{"\u005fplaceholder":1,"num":0},` + real + `]`,
		`[{"a":[{"\u005fplaceholder":true,"b":` + real + `}]},7]`:   `[{"a":[{"\u005fplaceholder":1,"b":` + real + `}]},7]`,
		`["a",{"\u005fplaceholder":"true","num":9},` + real + `]`:   `["a",{"\u005fplaceholder":"true","num":9},` + real + `]`,
		`["a",{"_placeholder":true,"num":1},` + real + `]`:          "",
		`["a",{"_placeholder":true,"num":"splice"},` + real + `]`:   "",
		`["a",{"_placeholder":true,"num":0,"more":` + real + `},7]`: "",
	} {
		got, err := AppendBinaryPayload([]byte("kept "), []byte(payload), 1)
		if (err != nil) != (want == "") || string(got) != "kept "+want {
			t.Errorf("%s became %s, %v", payload, got, err)
		}
	}
}
