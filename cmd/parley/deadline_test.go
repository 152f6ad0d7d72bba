package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// dial sends the beginning of a request.
func dial(t *testing.T, srv *httptest.Server, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestBodyThatNeverComesEndsTheConnection(t *testing.T) {
	srv := httptest.NewServer(bounded(http.NotFoundHandler(), 50*time.Millisecond, time.Minute))
	defer srv.Close()
	conn := dial(t, srv, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	if text, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(text, []byte("HTTP/1.1 404")) {
		t.Errorf("%.40q, %v", text, err)
	}
}

func TestAnswerThatIsNotReadEndsTheConnection(t *testing.T) {
	ended := make(chan error, 1)
	srv := httptest.NewServer(bounded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for piece := make([]byte, 1<<20); ; {
			if _, err := w.Write(piece); err != nil {
				ended <- err
				return
			}
		}
	}), time.Minute, 50*time.Millisecond))
	defer srv.Close()
	dial(t, srv, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the answer is still being written")
	}
}

// A poll may wait for longer than the answer before it on its connection might have taken.
func TestLimitsEndWithTheirRequest(t *testing.T) {
	const write = 50 * time.Millisecond
	mux := http.NewServeMux()
	mux.Handle("/bounded", bounded(http.NotFoundHandler(), time.Minute, write))
	mux.Handle("/poll", unbounded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(2 * write)
		io.WriteString(w, "late")
	})))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	get(t, srv.URL+"/bounded")
	if status, text := get(t, srv.URL+"/poll"); status != http.StatusOK || text != "late" {
		t.Errorf("%d %q", status, text)
	}
}
