package forward

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// request is the beginning of a raw request for a session of the node with the tag.
func request(method, tag string, header ...string) string {
	return method + " " + path(tag) + " HTTP/1.1\r\nHost: chat.example\r\n" + strings.Join(append(header, "\r\n"), "\r\n")
}

func TestBodiesAreStreamedWhole(t *testing.T) {
	door, owner := pair(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	text := strings.Repeat("0123456789", 500_000)
	for _, size := range []int{0, 1, 100, 100_000, len(text)} {
		if status, body := door.do("POST", owner.target(), strings.NewReader(text[:size])); status != 200 || body != text[:size] {
			t.Errorf("%d bytes: %d, %d bytes", size, status, len(body))
		}
	}
	if status, body := door.do("POST", owner.target(), io.MultiReader(strings.NewReader("chunked"))); status != 200 || body != "chunked" {
		t.Errorf("%d %q", status, body)
	}
}

func TestAnswersComeAsTheyAreWritten(t *testing.T) {
	more := make(chan struct{})
	door, owner := pair(t, Options{}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, "second")
	})
	res, err := door.web.Client().Get(door.url + owner.target())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "first" {
		t.Errorf("%q, %v", first, err)
	}
	close(more)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "second" {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestHalfAnAnswerIsNoAnswer(t *testing.T) {
	door, owner := pair(t, Options{}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	if status, body := door.get(owner.target()); status != 0 {
		t.Errorf("%d %q", status, body)
	}
}

// TestTheServerSeesTheClientGo: a poll that is given up ends the session at its server.
func TestTheServerSeesTheClientGo(t *testing.T) {
	waits, ended := make(chan struct{}), make(chan struct{})
	door, owner := pair(t, Options{}, func(_ http.ResponseWriter, r *http.Request) {
		close(waits)
		<-r.Context().Done()
		close(ended)
	})
	c := door.dial(request("GET", owner.Tag()))
	await(t, "the poll", waits)
	c.Close()
	await(t, "its end", ended)
	eventually(t, "the end here", func() bool { return door.Stats().Open == 0 })
	if s := door.Stats(); s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}

// TestAnUnfinishedBodyHarmsNobodyElse: it ends in its time, and the server goes on to be reached.
func TestAnUnfinishedBodyHarmsNobodyElse(t *testing.T) {
	failed := make(chan error, 1)
	door, owner := pair(t, Options{ReadTimeout: 100 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			_, err := io.Copy(io.Discard, r.Body)
			failed <- err
		}
	})
	c := door.dial(request("POST", owner.Tag(), "Content-Length: 10") + "4ab")
	if err := await(t, "the server's error", failed); err == nil {
		t.Error("half a body was taken")
	}
	if answer, err := io.ReadAll(c); err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	if status, _ := door.get(owner.target()); status != 200 {
		t.Errorf("the next: %d", status)
	}
}

// noted is a writer that notes the deadlines that are set.
type noted struct {
	http.ResponseWriter
	deadlines []time.Time
}

func (n *noted) SetReadDeadline(t time.Time) error {
	n.deadlines = append(n.deadlines, t)
	return nil
}

// finished is a body at whose end one more read waits, as that of net/http may.
type finished struct{ reads, more chan struct{} }

func (f *finished) Read([]byte) (int, error) {
	f.reads <- struct{}{}
	<-f.more
	return 0, io.EOF
}

func (f *finished) Close() error { return nil }

// TestFinishedBodiesAreNotCutOff: a deadline in the past would end all later requests of the connection, because net/http
// reads ahead on it.
func TestFinishedBodiesAreNotCutOff(t *testing.T) {
	w := &noted{ResponseWriter: httptest.NewRecorder()}
	f := &finished{make(chan struct{}, 2), make(chan struct{}, 2)}
	n := &Node{opts: Options{ReadTimeout: time.Minute}}
	u := n.newUpload(w, &http.Request{Body: f, ContentLength: 1})
	f.more <- struct{}{}
	if _, err := u.Read(nil); err != io.EOF {
		t.Fatal(err)
	}
	<-f.reads
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = u.Read(nil)
	}()
	await(t, "the read", f.reads)
	time.AfterFunc(10*time.Millisecond, func() { close(f.more) })
	u.finish(w)
	await(t, "its end", read)
	if len(w.deadlines) != 2 || !w.deadlines[1].IsZero() || w.Header().Get("Connection") != "" {
		t.Errorf("%v %v", w.deadlines, w.Header())
	}
}

// TestEarlyAnswers: a server need not read a body, however much of it is still to come.
func TestEarlyAnswers(t *testing.T) {
	door, owner := pair(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	c := door.dial(request("POST", owner.Tag(), "Content-Length: 100000000") + "4ab")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatal(res, err)
	}
	eventually(t, "the end", func() bool { return door.Stats().Open == 0 })
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	ended := make(chan struct{})
	door, owner := pair(t, Options{WriteTimeout: 100 * time.Millisecond}, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		for piece := make([]byte, 1<<16); ; {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	door.dial(request("GET", owner.Tag()))
	await(t, "the end", ended)
}

// TestDrainLetsPollsEnd: those that wait are answered, on connections that are not used again, and at its end no more are
// passed on.
func TestDrainLetsPollsEnd(t *testing.T) {
	waits, answer := make(chan struct{}, 1), make(chan struct{})
	door, owner := pair(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		waits <- struct{}{}
		<-answer
		_, _ = io.WriteString(w, "6")
	})
	c := door.dial(request("GET", owner.Tag()))
	await(t, "the poll", waits)
	drained := make(chan error, 1)
	go func() { drained <- door.Drain(context.Background(), 10*time.Millisecond) }()
	eventually(t, "nothing more is passed on", func() bool {
		door.mu.Lock()
		defer door.mu.Unlock()
		return door.refusing
	})
	if status, _ := door.get(owner.target()); status != http.StatusTeapot {
		t.Errorf("one more: %d", status)
	}
	if len(drained) > 0 {
		t.Error("Drain did not wait")
	}
	close(answer)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "6" || !res.Close {
		t.Errorf("%q, %v, %+v", body, err, res)
	}
	if err := await(t, "Drain", drained); err != nil {
		t.Error(err)
	}
}
