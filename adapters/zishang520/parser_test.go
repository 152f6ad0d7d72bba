package zishang520_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"
)

// A binaryParser is one as applications bring it, such as MessagePack: each of its packets
// is one binary message. It has the text of the usual one in it.
type binaryParser struct{ parser.Parser }

func (p binaryParser) NewEncoder() parser.Encoder { return binaryEncoder{p.Parser.NewEncoder()} }
func (p binaryParser) NewDecoder() parser.Decoder { return binaryDecoder{p.Parser.NewDecoder()} }

type binaryEncoder struct{ parser.Encoder }

func (e binaryEncoder) Encode(p *parser.Packet) []types.BufferInterface {
	return []types.BufferInterface{types.NewBytesBuffer(e.Encoder.Encode(p)[0].Bytes())}
}

type binaryDecoder struct{ parser.Decoder }

func (d binaryDecoder) Add(data any) error {
	b, ok := data.(*types.BytesBuffer)
	if !ok {
		return errors.New("text")
	}
	return d.Decoder.Add(types.NewStringBuffer(b.Bytes()))
}

func TestParserOfTheApplication(t *testing.T) {
	url, _ := start(t, nil, mount, func(o *socket.ServerOptions) { o.SetParser(binaryParser{parser.NewParser()}) })
	r := dial(t, url)
	send := func(packet string) { r.send("b" + base64.StdEncoding.EncodeToString([]byte(packet))) }
	next := func() string {
		text, _ := strings.CutPrefix(r.next(), "b")
		packet, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(packet)
	}
	for _, namespace := range []string{"", "/other,"} {
		send("0" + namespace)
		if got := next(); !strings.HasPrefix(got, "0"+namespace+"{") {
			t.Fatalf("got %q", got)
		}
	}
	send(`20["echo",1]`)
	if got := next(); got != "30[[1]]" {
		t.Errorf("got %q", got)
	}
	send(`2/other,1["where"]`)
	if got := next(); got != `3/other,1["/other"]` {
		t.Errorf("got %q", got)
	}
	send("0/private,")
	if got := next(); !strings.HasPrefix(got, "4/private,") {
		t.Errorf("got %q", got)
	}
	send("2[]")
	r.ended()
}
