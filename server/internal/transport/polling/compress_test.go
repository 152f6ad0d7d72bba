package polling

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"sync"
	"testing"
)

// unpack decodes an answer.
func (a answer) unpack(t *testing.T) string {
	t.Helper()
	var r io.Reader = strings.NewReader(a.body)
	var err error
	switch a.header.Get("Content-Encoding") {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	const threshold = 1000
	for _, c := range []struct {
		name      string
		threshold int
		accept    string
		text      string
		coding    string
		vary      string
	}{
		{"gzip", threshold, "gzip, deflate, br", strings.Repeat("x", threshold-1), "gzip", "Accept-Encoding"},
		{"deflate", threshold, "gzip;q=0, deflate", strings.Repeat("x", 100*threshold), "deflate", "Accept-Encoding"},
		{"below the threshold", threshold, "gzip", strings.Repeat("x", threshold-2), "", ""},
		{"not accepted", threshold, "identity", strings.Repeat("x", threshold), "", "Accept-Encoding"},
		{"switched off", 0, "gzip", strings.Repeat("x", threshold), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Limits{CompressionThreshold: c.threshold})
			got := make(chan answer, 1)
			go func() { got <- b.do("GET", nil, "Accept-Encoding", c.accept) }()
			await(t, "the GET waits", b.drained)
			b.send(c.text)
			a := await(t, "the answer", got)
			if a.header.Get("Content-Encoding") != c.coding || a.header.Get("Vary") != c.vary || a.unpack(t) != "4"+c.text {
				t.Errorf("%d %v, %d bytes", a.status, a.header, len(a.body))
			}
			if c.coding != "" && len(a.body) > len(c.text)/10 {
				t.Errorf("%d bytes of %d are left", len(a.body), len(c.text))
			}
		})
	}
}

// Answers are compressed by shared writers, which must keep them apart.
func TestAnswersAreCompressedAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			body := bytes.Repeat([]byte{byte('a' + i%26)}, 1000*(i+1))
			coding := []string{"gzip", "deflate"}[i%2]
			var packed bytes.Buffer
			pack(&packed, coding, body)
			a := answer{header: map[string][]string{"Content-Encoding": {coding}}, body: packed.String()}
			if a.unpack(t) != string(body) {
				t.Errorf("%d: another's answer", i)
			}
		})
	}
	wg.Wait()
}

func TestWhatDoesNotShrinkStaysPlain(t *testing.T) {
	b := newBench(t, Limits{CompressionThreshold: 1})
	got := make(chan answer, 1)
	go func() { got <- b.do("GET", nil, "Accept-Encoding", "gzip") }()
	await(t, "the GET waits", b.drained)
	b.send("x")
	a := await(t, "the answer", got)
	if a.header.Get("Content-Encoding") != "" || a.body != "4x" {
		t.Errorf("%v %q", a.header, a.body)
	}
}
