package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// A logBook takes log lines and lets a test wait for one.
type logBook struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // closed and replaced at each write
}

func newLogBook() *logBook { return &logBook{grown: make(chan struct{})} }

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.grown)
	b.grown = make(chan struct{})
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await returns the submatches of the pattern as soon as the log has it.
func (b *logBook) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		b.mu.Lock()
		text, grown := b.text.String(), b.grown
		b.mu.Unlock()
		if m := re.FindStringSubmatch(text); m != nil {
			return m
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("no %s in the log:\n%s", pattern, text)
		}
	}
}

// A running server, in this process.
type running struct {
	url     string // without a slash at the end
	log     *logBook
	signals chan os.Signal
	code    chan int
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{log: newLogBook(), signals: make(chan os.Signal, 2), code: make(chan int, 1)}
	go func() {
		r.code <- run(append([]string{"--addr", "127.0.0.1:0", "--drain", "0s"}, args...), nil, r.signals, io.Discard, r.log)
	}()
	r.url = r.log.await(t, `msg=listening addr=127\.0\.0\.1:\d+ url=(\S+)/`)[1]
	t.Cleanup(func() {
		select {
		case r.signals <- os.Interrupt:
		default:
		}
		r.ended(t)
	})
	return r
}

// ended waits for the end and returns the exit code.
func (r *running) ended(t *testing.T) int {
	t.Helper()
	select {
	case code := <-r.code:
		r.code <- code // for who asks again
		return code
	case <-time.After(patience):
		t.Fatalf("it does not end:\n%s", r.log)
		return 0
	}
}

// get returns status and body.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body(t, res)
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A pollClient is a Socket.IO client on long-polling, with nothing but HTTP.
type pollClient struct{ url string }

func handshake(t *testing.T, url, path string) *pollClient {
	t.Helper()
	status, text := get(t, url+path+"?EIO=4&transport=polling")
	var handshake struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "0")), &handshake); err != nil || status != http.StatusOK {
		t.Fatalf("handshake: %d %q", status, text)
	}
	return &pollClient{url + path + "?EIO=4&transport=polling&sid=" + handshake.SID}
}

func connect(t *testing.T, url, path, connect string) *pollClient {
	t.Helper()
	c := handshake(t, url, path)
	c.send(t, connect)
	if text := c.poll(t); !strings.HasPrefix(text, strings.SplitN(connect, ",", 2)[0]) {
		t.Fatalf("connect: %q", text)
	}
	return c
}

func (c *pollClient) send(t *testing.T, packets ...string) {
	t.Helper()
	res, err := http.Post(c.url, "text/plain;charset=UTF-8", strings.NewReader(strings.Join(packets, "\x1e")))
	if err != nil {
		t.Fatal(err)
	}
	if text := body(t, res); text != "ok" {
		t.Fatalf("POST: %d %q", res.StatusCode, text)
	}
}

func (c *pollClient) poll(t *testing.T) string {
	t.Helper()
	_, text := get(t, c.url)
	return text
}

// await polls until some packet contains what is waited for.
func (c *pollClient) await(t *testing.T, part string) {
	t.Helper()
	var all []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		text := c.poll(t)
		if strings.Contains(text, part) {
			return
		}
		all = append(all, text)
	}
	t.Fatalf("no %q in %q", part, all)
}

func TestTwoPeopleChatThroughTheProgram(t *testing.T) {
	r := start(t)
	if status, page := get(t, r.url+"/"); status != http.StatusOK || !strings.Contains(page, "<html") {
		t.Errorf("the page: %d %q", status, page)
	}
	ann := connect(t, r.url, "/socket.io/", `40/chat,{"userId":"u1","username":"Ann"}`)
	bob := connect(t, r.url, "/socket.io/", `40/chat,`)
	ann.send(t, `42/chat,0["join",{"roomId":"tea"}]`)
	ann.await(t, `43/chat,0[{"ok":true,`)
	bob.send(t, `42/chat,["join",{"userId":"u2","username":"Bob","roomId":"tea"}]`)
	bob.await(t, `42/chat,["room-users",[{"userId":"u1","username":"Ann"},{"userId":"u2","username":"Bob"}]`)
	ann.await(t, `42/chat,["user-joined",{"roomId":"tea","userId":"u2","username":"Bob",`)
	bob.send(t, `42/chat,["chat-message",{"content":"hello"}]`)
	ann.await(t, `"content":"hello"`)
	bob.await(t, `"content":"hello"`)

	status, text := get(t, r.url+"/stats")
	var figures map[string]int64
	if err := json.Unmarshal([]byte(text), &figures); err != nil || status != http.StatusOK {
		t.Fatalf("stats: %d %q: %v", status, text, err)
	}
	if figures["totalConnections"] != 2 || figures["currentConnections"] != 2 || figures["messagesReceived"] != 5 || figures["messagesSent"] < 7 {
		t.Errorf("stats: %s", text)
	}
}

func TestWhateverIsNestedInAnEventIsAnswered(t *testing.T) {
	r := start(t)
	c := connect(t, r.url, "/socket.io/", "40/chat,")
	const levels = (10<<10 - len(`["join",]`)) / 2
	c.send(t, `42/chat,1["join",`+strings.Repeat("[", levels)+strings.Repeat("]", levels)+`]`)
	c.await(t, `43/chat,1[{"ok":false,"error":{"code":"invalid",`)
	c.send(t, `42/chat,2["rooms"]`)
	c.await(t, `43/chat,2[{"ok":true,`)
}

func TestHealthAndReadiness(t *testing.T) {
	r := start(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, _ := get(t, r.url+path); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
		res, err := http.Post(r.url+path, "text/plain", nil)
		if err != nil {
			t.Fatal(err)
		}
		if body(t, res); res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, res.StatusCode)
		}
	}
	if status, _ := get(t, r.url+"/nothing"); status != http.StatusNotFound {
		t.Errorf("a path that is not there: %d", status)
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	r := start(t, "--path", "/rt", "--transports", "polling", "--ping-interval", "7s", "--ping-timeout", "3s", "--max-payload", "1234",
		"--origins", "https://app.example")
	status, text := get(t, r.url+"/rt/?EIO=4&transport=polling")
	if status != http.StatusOK || !strings.Contains(text, `"upgrades":[],"pingInterval":7000,"pingTimeout":3000,"maxPayload":1234`) {
		t.Errorf("handshake: %d %q", status, text)
	}
	if status, text := get(t, r.url+"/rt?EIO=4&transport=polling"); status != http.StatusOK || text[0] != '0' {
		t.Errorf("without the slash: %d %q", status, text)
	}
	if status, text := get(t, r.url+"/rt/socket.io.js"); status != http.StatusOK || !strings.Contains(text, "Socket.IO v4") {
		t.Errorf("the client: %d %.80q", status, text)
	}
	if status, _ := get(t, r.url+"/socket.io/?EIO=4&transport=polling"); status != http.StatusNotFound {
		t.Errorf("the default path is there too: %d", status)
	}
	for origin, pass := range map[string]bool{
		"":                      true,
		r.url:                   true,
		"https://app.example":   true,
		"http://localhost:5173": true,
		"https://evil.example":  false,
		"null":                  false,
	} {
		req, _ := http.NewRequest(http.MethodGet, r.url+"/rt/?EIO=4&transport=polling", nil)
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body(t, res); (res.StatusCode == http.StatusOK) != pass {
			t.Errorf("origin %q: %d", origin, res.StatusCode)
		}
	}
}

// In open mode nobody is asked who they are, so a page from elsewhere must not pass for the server's own.
func TestForeignHostIsRefused(t *testing.T) {
	r := start(t)
	req, _ := http.NewRequest(http.MethodGet, r.url+"/socket.io/?EIO=4&transport=polling", nil)
	req.Host = "evil.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if body(t, res); res.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", res.StatusCode)
	}
	r.log.await(t, `host=evil\.example allowed="its own origin at localhost, loopback origins"`)
}

func TestConnectTimeoutReachesTheServer(t *testing.T) {
	r := start(t, "--connect-timeout", "50ms")
	status, text := get(t, r.url+"/socket.io/?EIO=4&transport=polling")
	if status != http.StatusOK {
		t.Fatalf("handshake: %d %q", status, text)
	}
	var handshake struct{ SID string }
	if err := json.Unmarshal([]byte(text[1:]), &handshake); err != nil {
		t.Fatal(err)
	}
	if _, text := get(t, r.url+"/socket.io/?EIO=4&transport=polling&sid="+handshake.SID); text != "1" && !strings.Contains(text, "Session ID unknown") {
		t.Errorf("a client that joins nothing gets %q", text)
	}
}

func TestOpenModeIsSaidInTheLog(t *testing.T) {
	r := start(t, "--log-format", "text")
	if log := r.log.String(); !strings.Contains(log, "open mode") || strings.Contains(log, "level=WARN") {
		t.Errorf("on loopback:\n%s", log)
	}
	log := newLogBook()
	signals := make(chan os.Signal, 2)
	code := make(chan int)
	go func() {
		code <- run([]string{"--addr", "0.0.0.0:0", "--log-format", "json"}, nil, signals, io.Discard, log)
	}()
	log.await(t, `"level":"WARN","msg":"open mode beyond loopback`)
	log.await(t, `"msg":"listening","addr":"[^"]+","url":"http://localhost:\d+/"`)
	signals <- os.Interrupt
	if code := <-code; code != exitOK {
		t.Errorf("code %d", code)
	}
}

func TestLogLevelHidesLines(t *testing.T) {
	log := newLogBook()
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	if code := run([]string{"--addr", "127.0.0.1:0", "--log-level", "error"}, []string{"PARLEY_X=1"}, signals, io.Discard, log); code != exitOK {
		t.Errorf("code %d", code)
	}
	if log.String() != "" {
		t.Errorf("log:\n%s", log)
	}
}

func TestVariableWithoutEffectIsLogged(t *testing.T) {
	log := newLogBook()
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	run([]string{"--addr", "127.0.0.1:0"}, []string{"PARLEY_NOTHING=do not print"}, signals, io.Discard, log)
	log.await(t, "level=WARN .*name=PARLEY_NOTHING")
	if strings.Contains(log.String(), "do not print") {
		t.Error("the value is in the log")
	}
}

func TestPortInUseEndsWithCode1(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	log := newLogBook()
	if code := run([]string{"--addr", taken.Addr().String()}, nil, nil, io.Discard, log); code != exitFailed {
		t.Errorf("code %d", code)
	}
	if got := log.String(); !strings.Contains(got, taken.Addr().String()) || !strings.Contains(got, "address already in use") || !strings.Contains(got, "--addr") {
		t.Errorf("log:\n%s", got)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	r := start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	go io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 40<<10)+"\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("40 KiB of headers: %d", res.StatusCode)
	}
}

func TestEndsAtOnceWithoutClients(t *testing.T) {
	r := start(t, "--drain", "1h")
	idle, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://")) // as browsers open them ahead
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	r.signals <- syscall.SIGTERM
	if code := r.ended(t); code != exitOK {
		t.Errorf("code %d", code)
	}
}
