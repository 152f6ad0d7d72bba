package eio

import "testing"

func FuzzParse(f *testing.F) {
	v := loadVectors(f)
	for _, p := range v.Packets {
		f.Add([]byte(p.Encoded))
	}
	for _, d := range v.Decodes {
		f.Add([]byte(d.Encoded))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if p.Type > Noop || p.Binary && p.Type != Message || len(p.Data) > len(text) {
			t.Fatalf("%q: %+v", text, p)
		}
		encoded := p.AppendText(nil)
		if !p.Binary && string(encoded) != string(text) {
			t.Fatalf("%q became %q", text, encoded)
		}
		again, err := Parse(encoded)
		if err != nil || !equal(p, again) {
			t.Fatalf("%q: %+v became %+v, %v", text, p, again, err)
		}
	})
}

func FuzzPayload(f *testing.F) {
	v := loadVectors(f)
	for _, p := range v.Payloads {
		f.Add([]byte(p.Encoded), 0)
	}
	for _, r := range v.Refused {
		f.Add([]byte(r.Encoded), 3)
	}
	f.Fuzz(func(t *testing.T, body []byte, maxPackets int) {
		checkPayload(t, body, maxPackets)
		if packets, _ := readAll(body, maxPackets); maxPackets > 0 && len(packets) > maxPackets {
			t.Fatalf("%d packets, allowed are %d", len(packets), maxPackets)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte(`{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
	f.Add([]byte(`{"sid":"\u0000","upgrades":null,"pingInterval":1,"pingTimeout":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ParseHandshake(data)
		if err != nil {
			return
		}
		again, err := ParseHandshake(h.Append(nil))
		if err != nil || again.SID != h.SID || again.PingInterval != h.PingInterval || again.PingTimeout != h.PingTimeout ||
			again.MaxPayload != h.MaxPayload || len(again.Upgrades) != len(h.Upgrades) {
			t.Fatalf("%s: %+v became %+v, %v", data, h, again, err)
		}
	})
}
