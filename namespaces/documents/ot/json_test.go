package ot

import (
	"encoding/json"
	"reflect"
	"testing"
)

func FuzzEditAsJSON(f *testing.F) {
	for _, seed := range []string{`[]`, `[3,"abc",-2]`, `["😀"]`, `[0]`, `[1,1]`, `[null]`, `[99999999999]`, `{"a":1}`, `[-1,""]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e, again Edit
		if json.Unmarshal(data, &e) != nil {
			return
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%s becomes %s: %v", data, text, err)
		}
		if e.Before() <= 1<<16 {
			if got := len(e.Apply(make([]uint16, e.Before()))); got != e.After() {
				t.Fatalf("%s makes a text of %d code units, not %d", data, got, e.After())
			}
		}
	})
}
