package zishang520_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"

	"parley/adapters/zishang520"
	"parley/server/engineio"
)

// TestOptionsOfTheApplication: those of the socket.Server hold, and Options.Engine has
// the last word.
func TestOptionsOfTheApplication(t *testing.T) {
	var got engineio.Options
	url, engine := start(t, &zishang520.Options{Engine: func(o *engineio.Options) {
		o.MaxSessions = 2
		got = *o
	}}, mount, func(o *socket.ServerOptions) {
		o.SetPingInterval(7 * time.Second)
		o.SetPingTimeout(3 * time.Second)
		o.SetMaxHttpBufferSize(1000)
		o.SetTransports(types.NewSet("polling"))
		o.SetAllowUpgrades(false)
		o.SetPerMessageDeflate(&types.PerMessageDeflate{Threshold: 9})
		o.SetCookie(&http.Cookie{Name: "sticky"})
		o.SetCors(&types.Cors{
			Origin:      []any{"https://a.example", regexp.MustCompile(`\.b\.example$`)},
			Methods:     "GET, POST",
			Headers:     []string{"x-one"},
			MaxAge:      "60",
			Credentials: true,
		})
		o.SetInitialPacket(strings.NewReader("first"))
		o.SetAllowRequest(func(ctx *types.HttpContext) error {
			if ctx.Query().Has("unwanted") {
				return errors.New("unwanted")
			}
			return nil
		})
	})
	if got.PingInterval != 7*time.Second || got.PingTimeout != 3*time.Second || got.MaxPayload != 1000 || !got.DisableUpgrade ||
		len(got.Transports) != 1 || got.PerMessageDeflate.Threshold != 9 || got.Cookie.Name != "sticky" || !got.AllowEIO3 {
		t.Errorf("%+v", got)
	}
	if c := got.CORS; c.DisableCredentials || len(c.Methods) != 2 || len(c.AllowedHeaders) != 1 || c.MaxAge != time.Minute {
		t.Errorf("%+v", c)
	}
	for origin, want := range map[string]bool{"https://a.example": true, "https://x.b.example": true, "https://c.example": false} {
		if got.AllowOrigin(nil, origin) != want {
			t.Errorf("%s: not %t", origin, want)
		}
	}
	engine.Use(func(ctx *types.HttpContext, next func(error)) {
		ctx.ResponseHeaders.Set("x-middleware", "yes")
		switch ctx.Query().Peek("answer") {
		case "no":
			next(errors.New("no"))
		case "own":
			ctx.SetStatusCode(http.StatusTeapot)
			_, _ = ctx.Write([]byte("tea"))
		default:
			time.AfterFunc(0, func() { next(nil) })
		}
	})
	base := url + "/socket.io/?EIO=4&transport=polling"
	var refusals []types.ErrorMessage
	_ = engine.On("connection_error", func(args ...any) { refusals = append(refusals, *args[0].(*types.ErrorMessage)) })
	for query, want := range map[string]int{"&unwanted=1": 403, "&answer=no": 400, "&answer=own": 418} {
		if response := get(t, base+query); response.StatusCode != want || response.Header.Get("X-Middleware") != "yes" {
			t.Errorf("%s: status %d, %v", query, response.StatusCode, response.Header)
		}
	}
	for _, r := range refusals {
		if m := r.CodeMessage; m.Code == 4 && (m.Message != "Forbidden" || r.Context["message"] != "unwanted") {
			t.Errorf("connection_error: %v %v", m, r.Context)
		}
	}
	if len(refusals) != 2 {
		t.Errorf("connection_error: %d times", len(refusals))
	}
	response := get(t, base)
	if response.Header.Get("X-Middleware") != "yes" || !strings.HasPrefix(response.Header.Get("Set-Cookie"), "sticky=") {
		t.Errorf("%v", response.Header)
	}
	r := dial(t, url)
	r.expect("4first")
	if got := status(t, base); got != 503 {
		t.Errorf("a third session: status %d", got)
	}
}

func TestImpossibleOptionsPanic(t *testing.T) {
	for name, opts := range map[string]zishang520.Options{
		"MaxAttachments": {MaxAttachments: -1},
		"MaxNamespaces":  {MaxNamespaces: -1},
		"InboxEvents":    {InboxEvents: -1},
		"InboxBytes":     {InboxBytes: -1},
		"ListenerWait":   {ListenerWait: -1},
		"PingInterval":   {Engine: func(o *engineio.Options) { o.PingInterval = -1 }},
	} {
		func() {
			defer func() {
				if v := recover(); !strings.Contains(fmt.Sprint(v), name) {
					t.Errorf("%s: %v", name, v)
				}
			}()
			zishang520.Bind(socket.NewServer(nil, nil), &opts)
		}()
	}
}

// TestOptionsOfServeHandler: what an application gives to ServeHandler has a place, and
// what it gave to NewServer goes before.
func TestOptionsOfServeHandler(t *testing.T) {
	var got engineio.Options
	given := socket.DefaultServerOptions()
	given.SetPingInterval(7 * time.Second)
	given.SetPingTimeout(3 * time.Second)
	given.SetCors(&types.Cors{Origin: "*", Credentials: true})
	start(t, &zishang520.Options{ServerOptions: given, Engine: func(o *engineio.Options) { got = *o }}, mount, func(o *socket.ServerOptions) {
		o.SetPingTimeout(4 * time.Second)
	})
	if got.PingInterval != 7*time.Second || got.PingTimeout != 4*time.Second || len(got.AllowedOrigins) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestOneEngineOnly: clients would stay with the first.
func TestOneEngineOnly(t *testing.T) {
	twice := socket.NewServer(nil, nil)
	engine := zishang520.Bind(twice, nil)
	defer func() {
		if err := engine.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for name, app := range map[string]*socket.Server{
		"NewServer with a server": socket.NewServer(types.NewWebServer(nil), nil),
		"Bind":                    twice,
	} {
		func() {
			defer func() {
				if v := recover(); !strings.Contains(fmt.Sprint(v), "has an engine already") {
					t.Errorf("%s: %v", name, v)
				}
			}()
			zishang520.Bind(app, nil)
		}()
	}
}

// TestRequestLasts: a server may use the memory of a request again, as fasthttp does; what
// an application is told of its clients must not be of others.
func TestRequestLasts(t *testing.T) {
	_, engine := start(t, nil, mount)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		memory := []byte("EIO=4&transport=polling&q=mine" + "yes" + "/socket.io/")
		borrow := func(from, to int) string { return unsafe.String(&memory[from], to-from) }
		if !r.URL.Query().Has("sid") {
			r.URL.RawQuery, r.URL.Path = borrow(0, 30), borrow(33, 44)
			r.Header["X-Test"] = []string{borrow(30, 33)}
		}
		engine.ServeHTTP(w, r)
		for i := range memory {
			memory[i] = '?'
		}
	}))
	r := dial(t, url)
	r.join("")
	r.send(`420["who"]`)
	answer := r.next()
	for _, want := range []string{`"query":"mine"`, `"header":"yes"`, `"path":"/socket.io/"`} {
		if !strings.Contains(answer, want) {
			t.Errorf("%s is not in %s", want, answer)
		}
	}
}

// TestRequestOfASessionWithoutAnID: what a client says instead of no id does not keep the application from its request.
func TestRequestOfASessionWithoutAnID(t *testing.T) {
	url, _ := start(t, nil, mount)
	for _, query := range []string{"&sid=", "&sid=x&sid=", "&sid=&x=#%zz"} {
		request, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Path, request.URL.RawQuery = "/socket.io/", "EIO=4&transport=polling&q=mine"+query
		response, err := client.Do(request)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		_, rest, ok := strings.Cut(string(body), `"sid":"`)
		if !ok {
			t.Errorf("%s: %s", query, body)
			continue
		}
		sid, _, _ := strings.Cut(rest, `"`)
		r := &raw{t: t, url: url + "/socket.io/?EIO=4&transport=polling&sid=" + sid}
		r.join("")
		r.send(`420["who"]`)
		if answer := r.next(); !strings.Contains(answer, `"query":"mine"`) {
			t.Errorf("%s: %s", query, answer)
		}
	}
}

// TestAttach: an application that has a server of engine.io/v2 keeps it.
func TestAttach(t *testing.T) {
	server := types.NewWebServer(nil)
	app, bare := socket.NewServer(nil, nil), socket.DefaultServerOptions()
	app.SetPath("/live")
	bare.SetPath("/bare")
	bare.SetAddTrailingSlash(false)
	mount(app)
	engine, other := zishang520.Bind(app, nil), zishang520.Bind(socket.NewServer(nil, bare), nil)
	engine.Attach(server, nil)
	other.Attach(server, nil)
	url := serve(t, server)
	for _, path := range []string{"/live/", "/bare"} {
		r := &raw{t: t, url: url + path + "?EIO=4&transport=polling"}
		if p := r.next(); !strings.HasPrefix(p, "0{") {
			t.Errorf("%s: got %q", path, p)
		}
	}
	if err := server.Close(nil); err != nil {
		t.Error(err)
	}
	for _, e := range []*zishang520.Server{engine, other} {
		if err := e.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
