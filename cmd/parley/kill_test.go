package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/server/socketiotest"
)

// kills is how often the server is killed; go test ./cmd/parley -run Kill -kills 1000 takes some minutes.
var kills = flag.Int("kills", 60, "how often the server is killed in the test of --data")

const asProgram = "PARLEY_TEST_IS_THE_PROGRAM"

// TestMain lets the test binary stand in for the program, which a test can kill then.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A program is a server in a process of its own.
type program struct {
	cmd *exec.Cmd
	url chan string // one, when it listens; closed at its end
	log *logBook
}

func startProgram(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{url: make(chan string, 1), log: newLogBook()}
	p.cmd = exec.CommandContext(t.Context(), os.Args[0], append([]string{"--addr", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "PARLEY_RATE_LIMIT=0")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := regexp.MustCompile(`msg=listening .*url=(\S+)/`)
	go func() {
		defer close(p.url)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			fmt.Fprintln(p.log, lines.Text())
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				p.url <- m[1]
			}
		}
	}()
	return p
}

// kill is kill -9.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	for range p.url {
	}
	_ = p.cmd.Wait()
}

// dialAs connects to a namespace as a user.
func dialAs(ctx context.Context, address, namespace, user string) (*socketiotest.Client, error) {
	return dialWith(ctx, address, namespace, map[string]string{"userId": user, "username": user})
}

func dialWith(ctx context.Context, address, namespace string, auth map[string]string) (*socketiotest.Client, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	return socketiotest.Dial(ctx, proxy, namespace, &socketiotest.Options{Auth: auth})
}

// visit connects to /chat, and joins a room.
func visit(ctx context.Context, address, user, room string) (*socketiotest.Client, error) {
	c, err := dialAs(ctx, address, "/chat", user)
	if err != nil {
		return nil, err
	}
	if _, err := ask(ctx, c, "join", map[string]any{"roomId": room}); err != nil {
		c.Abort()
		return nil, err
	}
	return c, nil
}

type line struct{ ID, UserID, ClientID string }

type reply struct {
	OK       bool
	Message  line
	Messages []line

	Notifications []struct{ ID string }
	More          bool

	Error struct{ Code, Message string }
}

func ask(ctx context.Context, c *socketiotest.Client, event string, payload any) (reply, error) {
	var out reply
	r, err := c.EmitAck(ctx, event, payload)
	if err == nil {
		err = r.Decode(&out)
	}
	if err == nil && !out.OK {
		err = fmt.Errorf("%s: %+v", event, out.Error)
	}
	return out, err
}

// A writer sends numbered messages, the one without an acknowledgement again after each restart.
type writer struct {
	name, room string
	next       int
	acked      []line // since the oldest that the room still has
	total      int
}

func (w *writer) write(ctx context.Context, address string, acks chan<- struct{}) {
	c, err := visit(ctx, address, w.name, w.room)
	if err != nil {
		return
	}
	defer c.Abort()
	for {
		id := fmt.Sprint(w.name, "-", w.next)
		r, err := ask(ctx, c, "chat-message", map[string]string{"content": "x", "clientId": id})
		if err != nil {
			return
		}
		w.acked = append(w.acked, line{r.Message.ID, w.name, id})
		w.next++
		w.total++
		select {
		case acks <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// A service posts notifications to a user of its own.
type service struct {
	user     string
	accepted []string // ids
}

func (s *service) post(ctx context.Context, address string) {
	body := fmt.Sprintf(`{"to":{"userId":%q},"type":"like"}`, s.user)
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/api/notifications", strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return
		}
		var answer struct{ IDs []string }
		err = json.NewDecoder(res.Body).Decode(&answer)
		res.Body.Close()
		if res.StatusCode != http.StatusAccepted || err != nil {
			return
		}
		s.accepted = append(s.accepted, answer.IDs...)
	}
}

// check compares what was accepted with the user's list.
func (s *service) check(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	c, err := dialAs(ctx, address, "/notifications", s.user)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	r, err := ask(ctx, c, "list", map[string]any{"limit": 100})
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for _, n := range r.Notifications {
		if there[n.ID] {
			t.Fatalf("notification %s is there twice", n.ID)
		}
		there[n.ID] = true
	}
	for _, id := range s.accepted {
		if !there[id] && (!r.More || id >= r.Notifications[len(r.Notifications)-1].ID) {
			t.Fatalf("notification %s was accepted and is lost", id)
		}
	}
}

// check compares what was acknowledged with what a room has.
func check(t *testing.T, room string, history []line, writers []*writer) {
	t.Helper()
	there := make(map[line]bool)
	sent := make(map[string]bool)
	for _, l := range history {
		if sent[l.ClientID] {
			t.Fatalf("%s is in %s twice", l.ClientID, room)
		}
		sent[l.ClientID], there[l] = true, true
	}
	for _, w := range writers {
		if w.room != room {
			continue
		}
		var still []line
		for _, l := range w.acked {
			switch {
			case there[l]:
				still = append(still, l)
			case len(history) < 100 || l.ID >= history[0].ID:
				t.Fatalf("%s was acknowledged as %s and is lost", l.ClientID, l.ID)
			}
		}
		w.acked = still
	}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	rooms := []string{"tea", "coffee"}
	var writers []*writer
	for i := range 6 {
		writers = append(writers, &writer{name: fmt.Sprint("u", i), room: rooms[i%2]})
	}
	like := &service{user: "liked"}
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range *kills {
		p := startProgram(t, "--data", data)
		if rnd.IntN(8) == 0 { // while it starts
			time.Sleep(time.Duration(rnd.IntN(60)) * time.Millisecond)
			p.kill()
			continue
		}
		address, ok := <-p.url
		if !ok {
			t.Fatalf("round %d: it does not start:\n%s", round, p.log)
		}
		verify(t, address, rooms, writers, like)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		acks := make(chan struct{})
		var all sync.WaitGroup
		for _, w := range writers {
			all.Go(func() { w.write(ctx, address, acks) })
		}
		all.Go(func() { like.post(ctx, address) })
		for range rnd.IntN(60) {
			select {
			case <-acks:
			case <-ctx.Done():
				t.Fatalf("round %d: nobody gets an acknowledgement:\n%s", round, p.log)
			}
		}
		p.kill()
		cancel()
		all.Wait()
	}
	p := startProgram(t, "--data", data)
	address := <-p.url
	verify(t, address, rooms, writers, like)
	p.kill()
	total := 0
	for _, w := range writers {
		total += w.total
	}
	t.Logf("%d messages acknowledged and %d notifications accepted over %d kills", total, len(like.accepted), *kills)
	if total < 10**kills || len(like.accepted) < *kills {
		t.Errorf("only %d messages and %d notifications", total, len(like.accepted))
	}
}

func verify(t *testing.T, address string, rooms []string, writers []*writer, like *service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, room := range rooms {
		c, err := visit(ctx, address, "reader", room)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ask(ctx, c, "history", map[string]any{"roomId": room, "limit": 100})
		if err != nil {
			t.Fatal(err)
		}
		c.Abort()
		check(t, room, r.Messages, writers)
	}
	like.check(ctx, t, address)
}

func TestDataFileThatIsRefused(t *testing.T) {
	refusedWith := func(data string, wants ...string) {
		t.Helper()
		log := newLogBook()
		if code := run([]string{"--addr", "127.0.0.1:0", "--data", data}, nil, nil, io.Discard, log); code != exitFailed {
			t.Errorf("code %d", code)
		}
		for _, want := range append(wants, "flag=--data", regexp.QuoteMeta(data)) {
			if !regexp.MustCompile(want).MatchString(log.String()) {
				t.Errorf("no %s in the log:\n%s", want, log)
			}
		}
	}
	dir := t.TempDir()
	garbled := filepath.Join(dir, "garbled")
	if err := os.WriteFile(garbled, []byte("what is this?"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusedWith(garbled, "cut, garbled")
	refusedWith(dir, "not a file")
	refusedWith(filepath.Join(dir, "missing", "data"), "no such file")

	data := filepath.Join(dir, "data")
	start(t, "--data", data)
	refusedWith(data, "another process has it open")
}

func TestMemoryIsSaidInTheLog(t *testing.T) {
	r := start(t)
	r.log.await(t, "all is in memory.*--data")
}
