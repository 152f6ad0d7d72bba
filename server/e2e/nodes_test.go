package e2e

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
)

// startNodes builds the program and runs it several times on one Redis, until the end of the test.
func startNodes(t *testing.T, n int, args ...string) (urls []string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "parley")
	if out, err := exec.Command("go", "build", "-o", binary, "parley/cmd/parley").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	redis := redistest.Start(t)
	for range n {
		urls = append(urls, startProgram(t, binary, append([]string{"--redis-url", "redis://" + redis.Addr}, args...)))
	}
	for _, url := range urls {
		awaitReady(t, url)
	}
	return urls
}

func startProgram(t *testing.T, binary string, args []string) (url string) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"--addr", "127.0.0.1:0", "--drain", "0s", "--rate-limit", "0", "--event-rate", "0"}, args...)...)
	cmd.Env = append(os.Environ(), "PARLEY_LOG_LEVEL=info")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, read := make(chan string, 1), make(chan struct{})
	var log lockedBuffer
	go func() {
		defer close(read)
		listening := regexp.MustCompile(`msg=listening .*url=(\S+)/`)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			_, _ = log.Write(append(lines.Bytes(), '\n'))
			if m := listening.FindSubmatch(lines.Bytes()); m != nil {
				found <- string(m[1])
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		<-read
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the end of a node: %v\n%s", err, log.String())
		}
	})
	select {
	case url = <-found:
	case <-time.After(patience):
		t.Fatalf("a node does not start:\n%s", log.String())
	}
	return url
}

func awaitReady(t *testing.T, url string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		res, err := http.Get(url + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not ready: %s", url, res.Status)
		}
	}
}

// TestThreeNodes: clients of three processes have one text and one order, with each adapter.
func TestThreeNodes(t *testing.T) {
	notNode(t, "these services are ours")
	for _, adapter := range []string{"streams", "pubsub"} {
		t.Run(adapter, func(t *testing.T) {
			urls := startNodes(t, 3, "--redis-adapter", adapter)
			t.Run("editors converge", func(t *testing.T) { editTogether(t, urls, 1500) })
			t.Run("a room has one order", func(t *testing.T) { writeTogether(t, urls) })
		})
	}
}

func editTogether(t *testing.T, nodes []string, operations int) {
	t.Helper()
	var urls []string
	for _, url := range nodes {
		urls = append(urls, url+"/documents")
	}
	script := startScript(t, "documents.mjs", task{"urls": urls, "editors": 10, "operations": operations, "seed": 2}.json())
	type text struct {
		Version int
		Content string
	}
	var outcome struct {
		Version, Recovered, Fresh, Unavailable int
		Trouble, Copies                        []string
		Inits                                  []text
	}
	script.next(&outcome, time.Minute)
	// What a client has sent without asking for an answer may still be on its way.
	var last text
	for same := 0; same < 5; same++ {
		script.tell("init")
		script.next(&outcome, time.Minute)
		if i := slices.IndexFunc(outcome.Inits, func(x text) bool { return x != last }); i >= 0 {
			last, same = outcome.Inits[i], 0
		}
	}
	script.tell(strconv.Itoa(last.Version))
	script.next(&outcome, time.Minute)
	for i, copy := range outcome.Copies {
		if copy != last.Content {
			t.Errorf("editor %d has %q, the servers %q", i, copy, last.Content)
		}
	}
	for _, what := range outcome.Trouble {
		t.Error(what)
	}
	if len(outcome.Copies) != 10 || last.Version < operations {
		t.Errorf("%d copies at version %d", len(outcome.Copies), last.Version)
	}
	t.Logf("%d versions; %d recoveries, %d fresh starts, %d unavailable", last.Version, outcome.Recovered, outcome.Fresh, outcome.Unavailable)
}

func writeTogether(t *testing.T, urls []string) {
	t.Helper()
	const writers, messages = 9, 40
	script := startScript(t, "chat-order.mjs", task{"urls": urls, "writers": writers, "messages": messages}.json())
	var outcome struct {
		Lists, History [][]string
		Trouble        []string
	}
	script.next(&outcome, time.Minute)
	for _, what := range outcome.Trouble {
		t.Error(what)
	}
	first := outcome.Lists[0]
	if len(first) != writers*messages {
		t.Fatalf("%d messages of %d", len(first), writers*messages)
	}
	for i, list := range outcome.Lists {
		if !slices.Equal(list, first) {
			t.Errorf("client %d has another order: %v, not %v", i, list, first)
		}
	}
	for i, kept := range outcome.History {
		if !slices.Equal(kept, first[len(first)-100:]) {
			t.Errorf("the history of server %d has another order: %v, not %v", i, kept, first[len(first)-100:])
		}
	}
}
