package forward

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/server/socketio"
)

// patience bounds waits for what should come at once.
const patience = 10 * time.Second

// TestMain fails if anything of a Node is left at the end.
func TestMain(m *testing.M) {
	code := m.Run()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(patience); code == 0; time.Sleep(time.Millisecond) {
		left := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(left, "adapters/forward.(*") {
			break
		}
		if time.Now().After(deadline) {
			fmt.Println(left)
			code = 1
		}
	}
	os.Exit(code)
}

// A rig is a Node with what it stands before, on a real listener.
type rig struct {
	*Node
	t   *testing.T
	url string
	web *httptest.Server
}

// start runs a node until the end of the test. Next gets its tag.
func start(t *testing.T, client redis.UniversalClient, opts Options, next func(tag string) http.Handler) *rig {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	r := &rig{t: t, url: "http://" + web.Listener.Addr().String(), web: web}
	if opts.URL == "" {
		opts.URL = r.url
	}
	var err error
	if r.Node, err = New(client, &opts); err != nil {
		t.Fatal(err)
	}
	web.Config.Handler = r.Handler(next(r.Tag()))
	web.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		web.CloseClientConnections()
		web.Close()
	})
	return r
}

// serving makes every node serve h.
func serving(h http.HandlerFunc) func(string) http.Handler {
	return func(string) http.Handler { return h }
}

// nobody answers requests of sessions that nobody has.
var nobody = serving(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "nobody's", http.StatusTeapot) })

// pair starts a door, whose own handler has no sessions, and the node behind it.
func pair(t *testing.T, opts Options, behind http.HandlerFunc) (door, owner *rig) {
	t.Helper()
	client := redistest.Start(t).Client(t)
	door = start(t, client, opts, nobody)
	opts.URL = ""
	owner = start(t, client, opts, serving(behind))
	eventually(t, "the owner is listed", func() bool { return owner.Stats().Listed })
	return door, owner
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain: %s", what)
		panic("unreachable")
	}
}

// target is the path of a request for a session of the node.
func (r *rig) target() string { return path(r.Tag()) }

func path(tag string) string {
	return "/socket.io/?EIO=4&transport=polling&sid=" + tag + "abcdefghijklmnopqrst"
}

// get sends a request through the rig and returns its status and body.
func (r *rig) get(path string, header ...string) (int, string) {
	r.t.Helper()
	return r.do("GET", path, nil, header...)
}

func (r *rig) do(method, path string, body io.Reader, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := r.web.Client().Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}

// dial opens a connection and sends raw bytes.
func (r *rig) dial(raw string) *net.TCPConn {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, raw); err != nil {
		r.t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func TestRequestsReachTheirServer(t *testing.T) {
	door, owner := pair(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "%s from %s for %s", body, r.UserAgent(), r.Host)
	})
	if status, body := door.do("POST", owner.target()+"&x=%C3%A9", strings.NewReader("4data"), "User-Agent", "me"); status != 202 ||
		body != "4data from me for "+strings.TrimPrefix(door.url, "http://") {
		t.Errorf("%d %q", status, body)
	}
	// What has no session, or is answered by any server alike, stays.
	for _, c := range [][2]string{{"GET", "/socket.io/?EIO=4&transport=polling"}, {"OPTIONS", owner.target()}, {"GET", path("nobody")}, {"GET", path("!!!!!!")}} {
		if status, _ := door.do(c[0], c[1], nil); status != http.StatusTeapot {
			t.Errorf("%s: %d", c, status)
		}
	}
	s, o := door.Stats(), owner.Stats()
	if s.Forwarded != 1 || s.Failed != 0 || s.Open != 0 || o.Accepted != 1 {
		t.Errorf("door %+v, owner %+v", s, o)
	}
}

// TestTheClientStaysTheClient: what limits, origins and cookies are judged by is the client's, whoever forwards.
func TestTheClientStaysTheClient(t *testing.T) {
	type facts struct {
		remote, host, local, forwarded string
		secure                         bool
	}
	seen := make(chan facts, 10)
	door, owner := pair(t, Options{}, func(_ http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		seen <- facts{r.RemoteAddr, r.Host, fmt.Sprint(local), r.Header.Get(passportHeader), r.TLS != nil}
	})
	h := door.Handler(http.NotFoundHandler())
	r := httptest.NewRequest("GET", "https://chat.example"+owner.target(), nil)
	r.RequestURI = owner.target()
	r.RemoteAddr = "203.0.113.7:0"
	r.TLS = &tls.ConnectionState{}
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}))
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got, want := await(t, "the request", seen), (facts{"203.0.113.7:0", "chat.example", "192.0.2.1:443", "", true}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}

	// Nobody else can say so, at the door or at the owner; not even with what was said for another request.
	secret := door.directory.proof()
	p := passport{to: owner.Tag(), remote: "127.0.0.1:1", host: "localhost"}
	good := p.sign(secret, "GET", owner.target())
	if status, _ := owner.get(owner.target(), passportHeader, good); status != 200 {
		t.Fatalf("a good signature: %d", status)
	}
	await(t, "the request", seen)
	elsewhere := passport{to: door.Tag(), remote: "127.0.0.1:1"}
	for name, values := range map[string][]string{
		"none": {""}, "another's": {p.sign([]byte("another secret of at least 32 bytes"), "GET", owner.target())},
		"for another path": {p.sign(secret, "GET", owner.target()+"&x=1")}, "for another method": {p.sign(secret, "POST", owner.target())},
		"for another server": {elsewhere.sign(secret, "GET", owner.target())}, "changed": {"remote=1&" + good}, "twice": {good, good},
	} {
		var header []string
		for _, v := range values {
			header = append(header, passportHeader, v)
		}
		if status, _ := owner.get(owner.target(), header...); status != http.StatusForbidden {
			t.Errorf("signature %s: %d", name, status)
		}
	}
	if len(seen) > 0 {
		t.Errorf("%+v got through", <-seen)
	}
}

func TestPeersOnly(t *testing.T) {
	_, owner := pair(t, Options{}, func(http.ResponseWriter, *http.Request) {})
	peers := owner.PeerHandler(serving(func(http.ResponseWriter, *http.Request) {})(""))
	w := httptest.NewRecorder()
	peers.ServeHTTP(w, httptest.NewRequest("GET", owner.target(), nil))
	if w.Code != http.StatusForbidden {
		t.Errorf("a client: %d", w.Code)
	}
	p := passport{to: owner.Tag()}
	r := httptest.NewRequest("GET", owner.target(), nil)
	r.Header.Set(passportHeader, p.sign(owner.directory.proof(), "GET", owner.target()))
	w = httptest.NewRecorder()
	if peers.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("a server: %d", w.Code)
	}
}

// TestDeadServersAreAnsweredForAtOnce: the engine's own answer makes the client connect anew.
func TestDeadServersAreAnsweredForAtOnce(t *testing.T) {
	const unknown = `{"code":1,"message":"Session ID unknown"}`
	db := redistest.Start(t)
	client := db.Client(t)
	var io *socketio.Server
	door := start(t, client, Options{}, func(tag string) http.Handler {
		io = socketio.New(&socketio.Options{NodeTag: tag})
		return io
	})
	t.Cleanup(func() { _ = io.Shutdown(context.Background()) })
	dead := start(t, client, Options{}, nobody)
	wrong := start(t, client, Options{URL: "http://" + strings.TrimPrefix(dead.url, "http://")}, nobody) // leads to another server
	for _, r := range []*rig{dead, wrong} {
		eventually(t, "it is listed", func() bool { return r.Stats().Listed })
	}
	if status, body := door.get(wrong.target()); status != 400 || body != unknown {
		t.Errorf("one whose URL is another's: %d %q", status, body)
	}
	if status, _ := door.get(dead.target()); status != http.StatusTeapot {
		t.Errorf("before it dies: %d", status)
	}
	dead.web.Listener.Close()
	dead.web.CloseClientConnections()
	for what, tag := range map[string]string{"dead": dead.Tag(), "unknown": "nobody"} {
		began := time.Now()
		if status, body := door.get(path(tag)); status != 400 || body != unknown {
			t.Errorf("%s: %d %q", what, status, body)
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("%s: after %s", what, d)
		}
	}
	if s := door.Stats(); s.Failed != 2 {
		t.Errorf("%+v", s)
	}
}

func TestImpossibleOptions(t *testing.T) {
	ok := Options{URL: "http://10.0.0.7:3000"}
	change := func(f func(*Options)) *Options {
		o := ok
		f(&o)
		return &o
	}
	for name, o := range map[string]*Options{
		"URL":      nil,
		"URL ":     change(func(o *Options) { o.URL = "10.0.0.7:3000" }),
		"URL  ":    change(func(o *Options) { o.URL = "http://10.0.0.7:3000/path" }),
		"Secret":   change(func(o *Options) { o.Secret = []byte("short") }),
		"Lifetime": change(func(o *Options) { o.Lifetime = time.Millisecond }), "LookupTimeout": change(func(o *Options) { o.LookupTimeout = -1 }),
		"DialTimeout": change(func(o *Options) { o.DialTimeout = -1 }), "ReadTimeout": change(func(o *Options) { o.ReadTimeout = -1 }),
		"WriteTimeout": change(func(o *Options) { o.WriteTimeout = -1 }), "MaxForwarded": change(func(o *Options) { o.MaxForwarded = -1 }),
		"MaxIdle": change(func(o *Options) { o.MaxIdle = -1 }),
	} {
		if _, err := New(nil, o); err == nil || !strings.Contains(err.Error(), "Options."+strings.TrimSpace(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTooMuchIsRefused(t *testing.T) {
	release := make(chan struct{})
	door, owner := pair(t, Options{MaxForwarded: 1}, func(http.ResponseWriter, *http.Request) { <-release })
	waiting := make(chan int, 1)
	go func() {
		status, _ := door.get(owner.target())
		waiting <- status
	}()
	eventually(t, "a request waits", func() bool { return owner.Stats().Accepted == 1 })
	if status, _ := door.get(owner.target()); status != http.StatusServiceUnavailable {
		t.Errorf("one more: %d", status)
	}
	close(release)
	if status := await(t, "the first", waiting); status != 200 {
		t.Errorf("the first: %d", status)
	}
}

func FuzzPassport(f *testing.F) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	good := passport{"tag123", "192.0.2.1:1", "10.0.0.1:80", "chat.example", true}
	f.Add(good.sign(secret, "GET", "/"), "tag123", "a", "b", "c", true)
	f.Add("to=a&mac=b", "", "&mac=", "\x00", "%", false)
	f.Fuzz(func(t *testing.T, raw, to, remote, local, host string, secure bool) {
		if p, err := readPassport(raw, secret, "GET", "/"); err == nil && *p != good {
			t.Fatalf("%q became %+v", raw, p)
		}
		p := passport{to, remote, local, host, secure}
		if got, err := readPassport(p.sign(secret, "GET", "/"), secret, "GET", "/"); err != nil || *got != p {
			t.Fatalf("%+v became %+v, %v", p, got, err)
		}
		p.apply(httptest.NewRequest("GET", "/", nil))
	})
}

// FuzzTag: whatever id the engine would read of a query, the tag is the beginning of that one.
func FuzzTag(f *testing.F) {
	f.Add("EIO=4&sid=tag123abcdefghijklmnopqrst&t=1")
	f.Add("sid=first_aaaaaaaaaaaaaaaaaa&sid=second%2daaaaaaaaaaaaaaaaaaa")
	f.Add("sid=%zz+")
	f.Fuzz(func(t *testing.T, query string) {
		tag := tagOf(query)
		values, err := url.ParseQuery(query)
		if err != nil || strings.ContainsAny(query, "%+;") || tag == "" {
			return // then the two may read less than each other, which leaves the request where it is
		}
		if all := values["sid"]; len(all) == 0 || !strings.HasPrefix(all[len(all)-1], tag) {
			t.Fatalf("%q: %q of %q", query, tag, all)
		}
	})
}
