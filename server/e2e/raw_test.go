package e2e

import (
	"bufio"
	"io"
	"net/http"
	"testing"
)

// A rawResponse is the answer to a request that was written byte by byte.
type rawResponse struct {
	*http.Response
	body string
}

func rawRequest(t testing.TB, srv *server, bytes string) rawResponse {
	t.Helper()
	conn := dialTCP(t, srv)
	if _, err := io.WriteString(conn, bytes); err != nil {
		t.Fatal(err)
	}
	return readResponse(t, bufio.NewReader(conn))
}

// readResponse reads a response, of one that changes protocols only the head.
func readResponse(t testing.TB, in *bufio.Reader) rawResponse {
	t.Helper()
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return rawResponse{Response: res}
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("body of the response: %v", err)
	}
	return rawResponse{res, string(body)}
}
