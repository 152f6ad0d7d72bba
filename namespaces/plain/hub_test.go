package plain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"parley/namespaces/identity"
	"parley/server/socketio"
)

func TestWhatOneSaysAllOthersHear(t *testing.T) {
	_, url := open(t, identity.NewGate(nil), nil)
	a, b := dial(t, url, "a"), dial(t, url, "b")
	c := dialWith(t, url, &websocket.DialOptions{HTTPHeader: http.Header{"User-Id": {"c"}}})
	c.hears(`{"type":"connected","userId":"c","timestamp":"$T"}`)
	a.message("hello \"<\u2028>\"")
	for _, p := range []*peer{b, c} {
		p.hears(`{"type":"message","userId":"a","content":"hello \"<` + "\u2028" + `>\"","timestamp":"$T"}`)
	}
	a.hearsNothing()
	_ = a.CloseNow()
	if err := b.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	gone := map[string]bool{}
	for range 2 {
		text, _ := c.next()
		gone[text] = true
	}
	for _, user := range []string{"a", "b"} {
		if !gone[`{"type":"disconnected","userId":"`+user+`","timestamp":"$T"}`] {
			t.Errorf("%s is not gone: %v", user, gone)
		}
	}
	c.hearsNothing()
}

func TestSomebodyWithoutANameGetsOne(t *testing.T) {
	_, url := open(t, identity.NewGate(nil), nil)
	names := map[string]bool{}
	for range 2 {
		text, err := dialWith(t, url, nil).next()
		if !strings.HasPrefix(text, `{"type":"connected","userId":"anonymous-`) {
			t.Fatalf("%s (%v)", text, err)
		}
		names[text] = true
	}
	if len(names) != 2 {
		t.Errorf("%v", names)
	}
}

func TestWrongShapes(t *testing.T) {
	_, url := open(t, identity.NewGate(nil), nil)
	a, b := dial(t, url, "a"), dial(t, url, "b")
	for _, text := range []string{
		"", " ", "null", "1", `"x"`, "true", "[]", "{", "}", "{} {}", `{}`, "\xff", `{"type":"message","content":"` + "\xff" + `"}`,
		`{"type":null}`, `{"type":1}`, `{"type":{}}`, `{"type":["message"],"content":"x"}`, `{"type":"ping"}`, `{"type":"connected"}`, `{"type":"Message","content":"x"}`,
		`{"type":"message"}`, `{"type":"message","content":""}`, `{"type":"message","content":null}`, `{"type":"message","content":1}`,
		`{"type":"message","content":{}}`, `{"type":"message","content":["x"]}`, `{"type":"message","Content":"x"}`, `{"Type":"message","content":"x"}`,
		`{"type":"message","type":"message","content":"x"}`, `{"type":"message","content":"x","content":"y"}`,
		`[{"type":"message","content":"x"}]`, strings.Repeat(`[`, 10_000), strings.Repeat(`{"a":`, 2000),
	} {
		a.say(text)
		a.hearsError("invalid", "")
	}
	if err := a.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"message","content":"x"}`)); err != nil {
		t.Fatal(err)
	}
	a.hearsError("invalid", "A message must be text.")
	a.message(strings.Repeat("😀", 501))
	a.hearsError("too_long", "Message too long. Maximum 1000 characters.")
	b.hearsNothing()
	a.say(`{"type":"pong"}`)
	a.message(strings.Repeat("😀", 500))
	if text, err := b.next(); !strings.Contains(text, strings.Repeat("😀", 500)) {
		t.Errorf("%s (%v)", text, err)
	}
}

func TestLargeMessages(t *testing.T) {
	_, url := open(t, identity.NewGate(nil), &Options{HardBytes: 100_000})
	a, b := dial(t, url, "a"), dial(t, url, "b")
	pong := func(size int) string {
		return `{"type":"pong"` + strings.Repeat(" ", size-len(`{"type":"pong"}`)) + "}"
	}
	a.say(pong(10_240))
	for _, size := range []int{10_241, 100_000} {
		a.say(pong(size))
		a.hearsError("too_large", "Message too large. Maximum 10KB.")
	}
	a.hearsNothing()
	a.say(pong(100_001))
	a.isClosed(websocket.StatusMessageTooBig)
	b.hears(`{"type":"disconnected","userId":"a","timestamp":"$T"}`)
}

// A rationed Rate has so many messages left.
type rationed struct {
	mu   sync.Mutex
	left int
	ill  bool
}

func (r *rationed) Take(context.Context, string) (undo func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ill {
		return nil, errors.New("10.0.0.7: connection refused")
	}
	if r.left--; r.left < 0 {
		return nil, &socketio.Error{Code: "rate_limited", Message: "Too many messages. Please wait before sending again."}
	}
	return func() {}, nil
}

func TestOnlyWhatIsAcceptedCounts(t *testing.T) {
	rate := &rationed{left: 2}
	_, url := open(t, identity.NewGate(nil), &Options{Rate: rate})
	a, b := dial(t, url, "a"), dial(t, url, "b")
	a.message("1")
	a.message("")
	a.hearsError("invalid", "")
	a.say(`{"type":"pong"}`)
	a.message("2")
	a.message("3")
	a.hearsError("rate_limited", "Too many messages. Please wait before sending again.")
	for _, content := range []string{"1", "2"} {
		b.hears(`{"type":"message","userId":"a","content":"` + content + `","timestamp":"$T"}`)
	}
	b.hearsNothing()
	rate.mu.Lock()
	rate.ill = true
	rate.mu.Unlock()
	a.message("4")
	a.hearsError("internal", "Internal error")
}

func TestAFloodIsReadSlowlyAndWhole(t *testing.T) {
	_, url := open(t, identity.NewGate(nil), &Options{MessageRate: 1000, MessageBurst: 1})
	a, b := dial(t, url, "a"), dial(t, url, "b")
	start := time.Now()
	for i := range 101 {
		a.message(fmt.Sprint(i))
	}
	for i := range 101 {
		b.hears(fmt.Sprintf(`{"type":"message","userId":"a","content":"%d","timestamp":"$T"}`, i))
	}
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("took %s", took)
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	_, url := open(t, identity.NewGate(nil), &Options{PingInterval: 50 * time.Millisecond, Silence: time.Second})
	answers, pings, mute := dial(t, url, "answers"), dial(t, url, "pings"), dial(t, url, "mute")
	pinged := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for ctx.Err() == nil {
			if err := pings.Ping(ctx); err != nil && ctx.Err() == nil {
				pinged <- err
				return
			}
		}
		pinged <- nil
	}()
	go func() {
		for err := error(nil); err == nil; { // pongs come while reading
			_, _, err = pings.Read(ctx)
		}
	}()
	closed := make(chan websocket.StatusCode, 1)
	go func() {
		for {
			if _, err := mute.next(); err != nil {
				closed <- websocket.CloseStatus(err)
				return
			}
		}
	}()
	for {
		text, err := answers.next()
		if err != nil {
			t.Fatal(err)
		}
		if text == `{"type":"disconnected","userId":"mute","timestamp":"$T"}` {
			break
		}
		if text != `{"type":"ping"}` {
			t.Fatal(text)
		}
		answers.say(`{"type":"pong"}`)
	}
	if status := <-closed; status != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", status)
	}
	stop()
	if err := <-pinged; err != nil {
		t.Errorf("who sends pings of the protocol is closed: %v", err)
	}
}

// A client that does not read is cut off, and nobody else notices.
func TestWhoDoesNotReadIsCutOff(t *testing.T) {
	t.Parallel()
	h, url := open(t, identity.NewGate(nil), &Options{QueueMessages: 20, MessageRate: 100_000, Content: 9000})
	small := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(4096)
		}
		return conn, err
	}}}
	slow := dialWith(t, url+"?userId=slow", &websocket.DialOptions{HTTPClient: small})
	a, b := dial(t, url, "a"), dial(t, url, "b")
	content := strings.Repeat("x", 9000)
	for sent := 0; ; sent++ {
		h.mu.Lock()
		left := len(h.clients)
		h.mu.Unlock()
		if left == 2 {
			break
		}
		if sent > 50_000 {
			t.Fatal("still there")
		}
		a.message(content)
		if text, err := b.next(); err != nil {
			t.Fatal(err)
		} else if strings.Contains(text, `"disconnected"`) {
			break
		}
	}
	_ = slow.CloseNow()
}

func TestShutdown(t *testing.T) {
	h, url := open(t, identity.NewGate(nil), nil)
	peers := []*peer{dial(t, url, "a"), dial(t, url, "b"), dial(t, url, "c")}
	var all sync.WaitGroup
	for _, p := range peers {
		all.Go(func() { p.isClosed(websocket.StatusGoingAway) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.Drain(ctx, 20*time.Millisecond); err != nil {
		t.Error(err)
	}
	all.Wait()
	if status := refusedWith(t, url, nil); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
}

func TestShutdownDoesNotWaitForeverForWhoDoesNotAnswer(t *testing.T) {
	h, url := open(t, identity.NewGate(nil), nil)
	dial(t, url, "a")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 4*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

func TestTooManyClients(t *testing.T) {
	_, url := open(t, identity.NewGate(nil), &Options{Clients: 1})
	dial(t, url, "a")
	if status := refusedWith(t, url, nil); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
}

func TestForeignPagesAreRefused(t *testing.T) {
	_, url := open(t, identity.NewGate(nil), nil)
	for _, origin := range []string{"https://evil.example", "null", "http://127.0.0.1.evil.example"} {
		if status := refusedWith(t, url, http.Header{"Origin": {origin}}); status != http.StatusBadRequest {
			t.Errorf("%s: %d", origin, status)
		}
	}
	for _, origin := range []string{url, "http://localhost:5173"} {
		dialWith(t, url, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
	}
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("an ordinary request: %d", res.StatusCode)
	}
}

var secret = []byte("0123456789abcdef0123456789abcdef")

func token(t *testing.T, id string, lives time.Duration) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"jti": id, "userId": "ann", "exp": time.Now().Add(lives).Unix(),
	}).SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTokens(t *testing.T) {
	t.Parallel()
	var revoked identity.Revocations
	v, err := identity.NewVerifier(identity.Options{Secret: secret, Revocations: &revoked})
	if err != nil {
		t.Fatal(err)
	}
	gate := identity.NewGate(v)
	_, url := open(t, gate, nil)
	for _, bad := range []string{"", "?userId=ann", "?token=x", "?token=" + token(t, "1", -time.Minute)} {
		if status := refusedWith(t, url+bad, http.Header{"User-Id": {"ann"}}); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", bad, status)
		}
	}
	const connected = `{"type":"connected","userId":"ann","timestamp":"$T"}`
	byHeader := dialWith(t, url, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token(t, "1", time.Hour)}}})
	byHeader.hears(connected)
	inQuery := dialWith(t, url+"?userId=bob&token="+token(t, "2", time.Hour), nil)
	inQuery.hears(connected)
	soon := dialWith(t, url+"?token="+token(t, "3", 2*time.Second), nil)
	soon.hears(connected)
	soon.hearsError(identity.CodeExpired, "The token has expired.")
	soon.isClosed(websocket.StatusPolicyViolation)
	const gone = `{"type":"disconnected","userId":"ann","timestamp":"$T"}`
	byHeader.hears(gone)
	inQuery.hears(gone)
	if err := revoked.RevokeToken("1", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	gate.Sweep()
	byHeader.hearsError(identity.CodeRevoked, "The token has been revoked.")
	byHeader.isClosed(websocket.StatusPolicyViolation)
	inQuery.hears(gone)
	inQuery.hearsNothing()
}

// A wire is a Bus of two hubs.
type wire struct {
	mu    sync.Mutex
	other *wire
	f     func([]byte)
}

func (w *wire) Publish(message []byte) error {
	go func() {
		w.other.mu.Lock()
		defer w.other.mu.Unlock()
		if w.other.f != nil {
			w.other.f(message)
		}
	}()
	return nil
}

func (w *wire) Subscribe(f func([]byte)) (stop func()) {
	w.f = f
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.f = nil
	}
}

func TestOtherServersHearToo(t *testing.T) {
	left, right := &wire{}, &wire{}
	left.other, right.other = right, left
	_, url1 := open(t, identity.NewGate(nil), &Options{Bus: left})
	_, url2 := open(t, identity.NewGate(nil), &Options{Bus: right})
	a, b, c := dial(t, url1, "a"), dial(t, url2, "b"), dial(t, url2, "c")
	a.message("hello")
	for _, p := range []*peer{b, c} {
		p.hears(`{"type":"message","userId":"a","content":"hello","timestamp":"$T"}`)
	}
	_ = c.CloseNow()
	for _, p := range []*peer{a, b} {
		p.hears(`{"type":"disconnected","userId":"c","timestamp":"$T"}`)
	}
}

// A roll is a Roll, and what it is told.
type roll struct {
	*wire
	gone func(userID string)
	told chan string
}

func (r *roll) Watch(gone func(userID string)) { r.gone = gone }

func (r *roll) Enter(userID string, gone Gone) (leave func()) {
	r.told <- "+" + userID
	return func() {
		if userID != "ghost" { // of whom the others have heard that it has gone
			gone.Here()
			gone.Elsewhere()
		}
		r.told <- "-" + userID
	}
}

func TestClientsOfADeadServerHaveGone(t *testing.T) {
	left, right := &wire{}, &wire{}
	left.other, right.other = right, left
	r := &roll{wire: left, told: make(chan string, 10)}
	_, url1 := open(t, identity.NewGate(nil), &Options{Bus: r})
	_, url2 := open(t, identity.NewGate(nil), &Options{Bus: right})
	a, b := dial(t, url1, "a"), dial(t, url2, "b")
	r.gone("dead")
	for _, p := range []*peer{a, b} {
		p.hears(`{"type":"disconnected","userId":"dead","timestamp":"$T"}`)
	}
	_ = a.CloseNow()
	if first, then := <-r.told, <-r.told; first != "+a" || then != "-a" {
		t.Error(first, then)
	}
	b.hears(`{"type":"disconnected","userId":"a","timestamp":"$T"}`)
	ghost := dial(t, url1, "ghost")
	_ = ghost.CloseNow()
	if first, then := <-r.told, <-r.told; first != "+ghost" || then != "-ghost" {
		t.Error(first, then)
	}
	r.gone("last")
	b.hears(`{"type":"disconnected","userId":"last","timestamp":"$T"}`)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"message","content":"x"}`))
	f.Add([]byte(`{"type":"pong"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse(text)
		if err != nil {
			if _, known := refusal(err); !known {
				t.Fatal(err)
			}
			return
		}
		outgoing{Type: typeMessage, UserID: "u", Content: m.Content}.encode() // panics on what is not UTF-8
	})
}
