package nodewire

import (
	"fmt"
	"testing"

	"parley/server/adapter"
)

func TestBuffersComeBack(t *testing.T) {
	for text, want := range map[string]string{
		`["x",{"type":"Buffer","data":[1,255]},{"a":[{"type":"Buffer","data":[]}],"b" : 1}]`: `["x",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}],"b":1}] [[1 255] []]`,
		`["Buffer"]`: `["Buffer"] []`,
		`[ { "type" : "Buffer", "data" : [ 7 ] } ]`:               `[{"_placeholder":true,"num":0}] [[7]]`,
		`[{"type":"Buffer","data":[256]}]`:                        `[{"type":"Buffer","data":[256]}] []`,
		`[{"type":"Buffer","data":[-1]}]`:                         `[{"type":"Buffer","data":[-1]}] []`,
		`[{"type":"Buffer","data":["1"]}]`:                        `[{"type":"Buffer","data":["1"]}] []`,
		`[{"type":"Buffer","data":[1],"x":2}]`:                    `[{"type":"Buffer","data":[1],"x":2}] []`,
		`[{"type":"Buffer"}]`:                                     `[{"type":"Buffer"}] []`,
		`[{"data":[1],"type":"Buffer"}]`:                          `[{"data":[1],"type":"Buffer"}] []`,
		`["Buffer",{"_placeholder":true,"num":0}]`:                `["Buffer",{"_placeholder":true,"num":0}] []`,
		`[{"type":"Buffer","data":{"type":"Buffer","data":[3]}}]`: `[{"type":"Buffer","data":{"_placeholder":true,"num":0}}] [[3]]`,
	} {
		got := Limits{}.Revive(adapter.Payload{Data: []byte(text)})
		if s := fmt.Sprintf("%s %v", got.Data, got.Attachments); s != want {
			t.Errorf("%s: got %s, want %s", text, s, want)
		}
	}
	many := adapter.Payload{Data: []byte(`[{"type":"Buffer","data":[1]},{"type":"Buffer","data":[1]}]`)}
	if got := (Limits{Attachments: 1}).Revive(many); len(got.Attachments) > 0 || string(got.Data) != string(many.Data) {
		t.Errorf("got %s", got.Data)
	}
}
