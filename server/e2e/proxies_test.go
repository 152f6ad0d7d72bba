package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/server/engineio"
	"parley/server/socketio"
)

// A reverseProxy is a program that stands before two nodes, set up by the README's block with the name.
type reverseProxy struct {
	name    string
	listen  string                                          // the block's line, without blanks
	listens string                                          // what stands there in tests: HTTP/1.1 at the first port, HTTP/2 at the second
	sticky  string                                          // the block's line that makes sessions stick
	config  func(dir, block string) string                  // what a program needs besides
	command func(program, file, dir string) (list []string) // to run in the foreground
}

var reverseProxies = []reverseProxy{{
	name:    "nginx",
	listen:  "listen 80;",
	listens: "listen 127.0.0.1:%d; listen 127.0.0.1:%d http2;",
	sticky:  "ip_hash;",
	config: func(dir, block string) string {
		var temp strings.Builder
		for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			fmt.Fprintf(&temp, "%s_temp_path %s; ", what, filepath.Join(dir, what))
		}
		return "daemon off; master_process off; pid nginx.pid; error_log stderr warn; events {}\n" +
			strings.Replace(block, "http {", "http { access_log off; "+temp.String(), 1)
	},
	command: func(program, file, dir string) []string {
		return []string{program, "-p", dir, "-e", "stderr", "-c", file}
	},
}, {
	name:    "haproxy",
	listen:  "bind :80",
	listens: "bind 127.0.0.1:%d\n bind 127.0.0.1:%d proto h2",
	sticky:  "cookie node insert indirect nocache",
	config:  func(_, block string) string { return block + "\n" },
	command: func(program, file, _ string) []string { return []string{program, "-db", "-f", file} },
}, {
	name:    "caddy",
	listen:  "chat.example {",
	listens: "http://127.0.0.1:%d, http://127.0.0.1:%d {",
	sticky:  "lb_policy cookie node",
	config: func(_, block string) string {
		return "{\n admin off\n servers {\n protocols h1 h2c\n }\n}\n" + block + "\n"
	},
	command: func(program, file, dir string) []string {
		return []string{"env", "XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir, program, "run", "--adapter", "caddyfile", "--config", file}
	},
}}

// block returns the README's block of code in a language.
func block(t *testing.T, language string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), "\n```"+language+"\n")
	text, _, ends := strings.Cut(rest, "\n```\n")
	if !ok || !ends {
		t.Fatalf("the README has no block %s", language)
	}
	return text
}

// start runs the proxy before nodes until the end of the test, and returns where it serves HTTP/1.1 and HTTP/2.
func (p *reverseProxy) start(t *testing.T, nodes []*forwardingNode, sticky bool) (url, url2 string) {
	t.Helper()
	program, err := exec.LookPath(p.name)
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/" + p.name); err != nil {
			t.Fatalf("%s is missing; run make test, which installs it", p.name)
		}
	}
	text := block(t, p.name)
	replace := func(what, with string) {
		if strings.Count(text, what) != 1 {
			t.Fatalf("%q is %d times in the README's block for %s", what, strings.Count(text, what), p.name)
		}
		text = strings.Replace(text, what, with, 1)
	}
	dir := t.TempDir()
	port, port2 := freePort(t), freePort(t)
	replace(p.listen, fmt.Sprintf(p.listens, port, port2))
	replace("10.0.0.7:3000", strings.TrimPrefix(nodes[0].url, "http://"))
	replace("10.0.0.8:3000", strings.TrimPrefix(nodes[1].url, "http://"))
	if sticky {
		replace("# sticky: "+p.sticky, p.sticky)
	}
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(p.config(dir, text)), 0o600); err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	args := p.command(program, file, dir)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", p.name, log.String())
		}
	})
	url = fmt.Sprintf("http://127.0.0.1:%d", port)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if res, err := http.Get(url + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come up:\n%s", p.name, log.String())
		}
	}
	return url, fmt.Sprintf("http://127.0.0.1:%d", port2)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestReverseProxies runs the README's configurations.
func TestReverseProxies(t *testing.T) {
	for _, p := range reverseProxies {
		t.Run(p.name, func(t *testing.T) {
			opts := roomy
			opened := make(chan string, 1000)
			opts.OnSession = func(i engineio.SessionInfo) {
				if i.Change == engineio.SessionOpened {
					opened <- i.RemoteAddr
				}
			}
			nodes := startForwarding(t, opts, 2)
			url, url2 := p.start(t, nodes, false)
			for mode, groups := range map[string][]string{"polling": {"connection"}, "upgrade": {"connection", "endings"}, "websocket": {"connection"}} {
				t.Run(mode, func(t *testing.T) {
					driver := startScript(t, "node.mjs", task{
						"url": url, "mode": mode, "rounds": 1, "kicks": 3, "crowd": 4, "groups": groups,
					}.json())
					outcomes(t, driver)
					driver.wait()
				})
			}
			if s := nodes[0].node.Stats(); s.Forwarded == 0 || s.Accepted == 0 || s.Failed > 0 {
				t.Errorf("%+v", s)
			}
			for len(opened) > 0 {
				<-opened
			}
			t.Run("the client's address", func(t *testing.T) {
				from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
				pollThrough(t, &http.Transport{DialContext: from.DialContext}, url)
				if got := <-opened; got != "127.0.0.9:0" {
					t.Errorf("the node sees %s", got)
				}
			})
			t.Run("HTTP/2", func(t *testing.T) {
				h2 := &http.Transport{Protocols: new(http.Protocols)}
				h2.Protocols.SetUnencryptedHTTP2(true)
				pollThrough(t, h2, url2)
			})
			t.Run("a node dies", func(t *testing.T) {
				driver := startScript(t, "comeback.mjs", task{"url": url}.json())
				var report struct {
					Connected, Ended int
					Error            *string
				}
				driver.next(&report, time.Minute)
				nodes[0].die(t)
				driver.next(&report, time.Minute)
				if report.Error != nil {
					t.Error(*report.Error)
				}
				if report.Ended == 0 || report.Ended == report.Connected {
					t.Errorf("of %d clients %d were at the node that died", report.Connected, report.Ended)
				}
				driver.wait()
			})
		})
		t.Run(p.name+", sticky", func(t *testing.T) {
			nodes := startForwarding(t, socketio.Options{}, 2)
			url, _ := p.start(t, nodes, true)
			for range 4 {
				pollThrough(t, &http.Transport{}, url)
			}
			for _, n := range nodes {
				if s := n.node.Stats(); s.Forwarded > 0 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// pollThrough makes a session by polling, joins the main namespace and gets an event back.
func pollThrough(t *testing.T, through *http.Transport, url string) {
	t.Helper()
	defer through.CloseIdleConnections()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Transport: through, Jar: jar, Timeout: patience}
	do := func(method, query, body string) string {
		t.Helper()
		req, err := http.NewRequest(method, url+"/socket.io/?EIO=4&transport=polling"+query, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 || through.Protocols != nil && res.ProtoMajor != 2 {
			t.Fatalf("%s %s: %s %s %q, %v", method, query, res.Proto, res.Status, text, err)
		}
		return string(text)
	}
	_, sid, _ := strings.Cut(do("GET", "", ""), `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	do("POST", "&sid="+sid, "40")
	for got := ""; !strings.Contains(got, `["welcome"`); {
		got = do("GET", "&sid="+sid, "")
	}
	do("POST", "&sid="+sid, `42["echo","here"]`)
	if got := do("GET", "&sid="+sid, ""); got != `42["echo","here"]` {
		t.Errorf("got %q", got)
	}
	do("POST", "&sid="+sid, "1")
}

// die ends a node without a word to the other.
func (n *forwardingNode) die(t *testing.T) {
	t.Helper()
	_ = n.web.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.io.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
