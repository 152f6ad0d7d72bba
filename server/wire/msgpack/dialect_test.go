package msgpack

import (
	"encoding/hex"
	"testing"

	"parley/server/wire/sio"
)

func TestDialectsWrite(t *testing.T) {
	for raw, want := range map[string][2]string{ // without and with Doubles
		`9007199254740991`: {"cf001fffffffffffff", "cf001fffffffffffff"},
		`9007199254740992`: {"cf0020000000000000", "cb4340000000000000"},
		`1e17`:             {"cf016345785d8a0000", "cb4376345785d8a000"},
		`[{"_placeholder":true,"num":0},{"\u005fplaceholder":true,"num":1},{"__proto__":[1],"b":2}]`: {
			"93c4010782ac5f706c616365686f6c64657201a36e756d0181a16202", "93c4010782ac5f706c616365686f6c64657201a36e756d0181a16202",
		},
	} {
		for i, d := range []Dialect{{}, {Doubles: true}} {
			got, err := d.AppendJSON(nil, []byte(raw), [][]byte{{7}})
			if err != nil || hex.EncodeToString(got) != want[i] {
				t.Errorf("%s, %+v: %x, %v; want %s", raw, d, got, err, want[i])
			}
		}
	}
}

func TestDialectsRead(t *testing.T) {
	for code, want := range map[string]string{
		"8101c3": `{"1":true}`, "81ffc3": `{"-1":true}`, "81cdffffc3": `{"65535":true}`, "81cb3ff8000000000000c3": `{"1.5":true}`, "81c0c3": "", "8190c3": "",
		"a3eda080": `"` + "\uFFFD" + `"`, "92c4020102c400": `[{"type":"Buffer","data":[1,2]},{"type":"Buffer","data":[]}]`, "c0c0": "",
	} {
		data, err := hex.DecodeString(code)
		if err != nil {
			t.Fatal(err)
		}
		d := Dialect{Buffers: true}
		raw, attachments, err := d.AppendValue([]byte("kept "), data, sio.Limits{})
		if (err == nil) != (want != "") || string(raw) != "kept "+want || attachments != nil {
			t.Errorf("%s became %s, %v", code, raw, err)
		}
	}
}
