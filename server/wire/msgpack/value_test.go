package msgpack

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"parley/server/wire/sio"
)

func TestEveryForm(t *testing.T) {
	for code, want := range map[string]string{
		"00": "0", "7f": "127", "ff": "-1", "e0": "-32", "cc00": "0", "ccff": "255", "cdffff": "65535", "ceffffffff": "4294967295",
		"cfffffffffffffffff": "18446744073709551615", "cf0020000000000001": "9007199254740993",
		"d080": "-128", "d07f": "127", "d18000": "-32768", "d280000000": "-2147483648", "d38000000000000000": "-9223372036854775808",
		"ca3fc00000": "1.5", "ca3dcccccd": "0.10000000149011612", "ca7fc00000": "null", "cb8000000000000000": "0", "cb7ff0000000000000": "null",
		"cb4340000000000000": "9007199254740992", "cb4415af1d78b58c40": "100000000000000000000", "cb444b1ae4d6e2ef50": "1e+21", "cb3e7ad7f29abcaf48": "1e-7",
		"c0": "null", "c2": "false", "c3": "true", "a0": `""`, "d900": `""`, "da000161": `"a"`, "db00000001c2": "", "db0000000161": `"a"`,
		"90": "[]", "dc000101": "[1]", "dd00000002c0c3": "[null,true]", "80": "{}", "de0001a16101": `{"a":1}`, "df00000001d9016101": `{"a":1}`,
		"82a16101a16102": `{"a":1,"a":2}`, "82a161d40000a16202": `{"b":2}`, "92d4000001": "[null,1]",
		"81ac5f706c616365686f6c646572c3": `{"\u005fplaceholder":true}`,
		"d6ff00000000":                   `"1970-01-01T00:00:00.000Z"`, "d7ff1d5353006553f100": `"2023-11-14T22:13:20.123Z"`,
		"c70cff3b8b87c0ffffffffffffffff": `"1969-12-31T23:59:59.999Z"`, "c70cff00000000000000174876e800": `"5138-11-16T09:46:40.000Z"`,
		"d700ffffffffffffffff": `"1969-12-31T23:59:59.999Z"`, "d700001eb208c2dc0000": `"+275760-09-13T00:00:00.000Z"`, "d700001eb208c2dc0001": "null",
		"c70cff00000000000007dba8218000": `"+275760-09-13T00:00:00.000Z"`, "c70cff00000000000007dba8218001": "null", "d7007fffffffffffffff": "null",
		"c70cff00000000fffffff1868a3280": `"-000001-12-31T00:00:00.000Z"`,
		// What is refused.
		"c1": "", "": "", "cc": "", "cd00": "", "a161ff": "", "a1ff": "", "a2c328": "", "a3eda080": "", "8101c0": "", "81c0c0": "", "81c40161c0": "", "81a1ffc0": "",
		"d401ff": "", "d5000102": "", "d600ffffffff": "", "c70101ff": "", "c704ff00000000": `"1970-01-01T00:00:00.000Z"`, "c703ff000000": "", "d7ffffffffff00000000": "",
		// Lengths that are not there.
		"dbffffffff": "", "c6ffffffff00": "", "c9ffffffff00": "", "ddffffffff00": "", "dfffffffffa161": "", "9f": "", "8f": "",
	} {
		data, err := hex.DecodeString(code)
		if err != nil {
			t.Fatal(code, err)
		}
		raw, _, err := AppendValue([]byte("kept "), data, sio.Limits{})
		if (err == nil) != (want != "") || string(raw) != "kept "+want {
			t.Errorf("%s became %s, %v; want %q", code, raw, err, want)
		}
	}
}

func TestALengthThatIsNotThereCostsNothing(t *testing.T) {
	for _, code := range []string{"dbffffffff", "c6ffffffff", "c9ffffffff00", "ddffffffff", "dfffffffff", "dd0000ffff"} {
		data, _ := hex.DecodeString(code + strings.Repeat("c0", 8))
		scratch := make([]byte, 0, 64)
		if n := testing.AllocsPerRun(10, func() {
			if _, _, err := AppendValue(scratch, data, sio.Limits{}); err == nil {
				t.Errorf("%s is taken", code)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", code, n)
		}
	}
}

func TestDepthIsLimited(t *testing.T) {
	deep := func(n int) []byte { return append(bytes.Repeat([]byte{0x91}, n), 0xc0) }
	if _, _, err := AppendValue(nil, deep(64), sio.Limits{}); err != nil {
		t.Error(err)
	}
	for _, n := range []int{65, 1_000_000} {
		if _, _, err := AppendValue(nil, deep(n), sio.Limits{}); err != errDepth {
			t.Errorf("%d: %v", n, err)
		}
	}
	if _, err := AppendJSON(nil, []byte(strings.Repeat("[", 1_000_000)), nil); err != errJSON {
		t.Error(err)
	}
}

func TestAttachmentsAreLimited(t *testing.T) {
	data := append([]byte{0x93}, bytes.Repeat([]byte{0xc4, 1, 7}, 3)...)
	if _, attachments, err := AppendValue(nil, data, sio.Limits{Attachments: 3}); err != nil || len(attachments) != 3 {
		t.Error(attachments, err)
	}
	if _, _, err := AppendValue(nil, data, sio.Limits{Attachments: 2}); err != errAttachments {
		t.Error(err)
	}
}

func TestWhatLooksLikeAPlaceholderSurvives(t *testing.T) {
	const user = `[{"\u005fplaceholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`
	data, err := AppendJSON(nil, []byte(user), [][]byte{{1}, {2}})
	if err != nil {
		t.Fatal(err)
	}
	raw, attachments, err := AppendValue(nil, data, sio.Limits{})
	if err != nil || len(attachments) != 2 || attachments[0][0] != 2 || attachments[1][0] != 1 {
		t.Fatal(attachments, err)
	}
	const want = `[{"\u005fplaceholder":true,"num":0},{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	if string(raw) != want {
		t.Errorf("got %s", raw)
	}
}

func TestLongHeaders(t *testing.T) {
	for _, n := range []int{31, 32, 255, 256, 65535, 65536} {
		text := `"` + strings.Repeat("x", n) + `"`
		list := "[0" + strings.Repeat(",0", n-1) + "]"
		object := `{"k":0` + strings.Repeat(`,"k":0`, n-1) + "}"
		for _, raw := range []string{text, list, object} {
			data, err := AppendJSON(nil, []byte(raw), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := AppendValue(nil, data, sio.Limits{}); err != nil || string(got) != raw {
				t.Errorf("%d: %.20s… became %.20s…, %v", n, raw, got, err)
			}
		}
	}
}

func TestInvalidJSONIsNotWritten(t *testing.T) {
	for _, raw := range []string{"", "[", "{", `{"a"`, `{"a":`, `{"a":1`, `{1:1}`, "[1", "[1 2]", "tru", "-", "1.2.3", `"`, `"\`, "1x", "[1]]", "undefined"} {
		if got, err := AppendJSON([]byte("kept"), []byte(raw), nil); err == nil || string(got) != "kept" {
			t.Errorf("%s became %x, %v", raw, got, err)
		}
	}
}

func TestNumbers(t *testing.T) {
	for raw, want := range map[string]string{
		"-0": "00", "-0.0": "00", "1.0": "01", "1e2": "64", "12.5e1": "7d", "-1e0": "ff", "1E+3": "cd03e8", "1e999": "cb7ff0000000000000", "-1e999": "cbfff0000000000000",
		"9007199254740993": "cf0020000000000001", "18446744073709551615": "cfffffffffffffffff", "18446744073709551616": "cb43f0000000000000",
		"-9223372036854775808": "d38000000000000000", "-9223372036854775809": "d38000000000000000", "1e20": "cb4415af1d78b58c40", "1e-400": "00",
	} {
		got, err := AppendJSON(nil, []byte(raw), nil)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s became %x, %v; want %s", raw, got, err, want)
		}
	}
}
