package engineio

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A refusal is Node's connection_error: its code, text and status.
type refusal struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	status  int
}

var (
	errTransport      = refusal{0, "Transport unknown", http.StatusBadRequest}
	errUnknownSession = refusal{1, "Session ID unknown", http.StatusBadRequest}
	errMethod         = refusal{2, "Bad handshake method", http.StatusBadRequest}
	errBadRequest     = refusal{3, "Bad request", http.StatusBadRequest}
	errForbidden      = refusal{4, "Forbidden", http.StatusForbidden}
	errVersion        = refusal{5, "Unsupported protocol version", http.StatusBadRequest}
	errHeader         = refusal{3, "URL and header are larger than MaxHeader", http.StatusRequestHeaderFieldsTooLarge}
	errUnavailable    = refusal{3, "Server is not taking new sessions", http.StatusServiceUnavailable}
)

// retryAfter is when a client that finds no room may try again, in seconds.
const retryAfter = "5"

// upgrading reports whether a request wants to become a WebSocket.
func upgrading(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), WebSocket) }

// refuse answers a request that is not served; context, for the hook, is keys
// and values in turn.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, why refusal, context ...string) {
	s.report(r, why, context)
	if upgrading(r) {
		s.answer(w, func() { refuseUpgrade(w, why) })
	} else {
		s.answer(w, func() { refuseRequest(w, why) })
	}
}

// answer calls write for a whole answer, which the client has WriteTimeout to
// take.
func (s *Server) answer(w http.ResponseWriter, write func()) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(s.opts.WriteTimeout))
	write()
	_ = control.Flush()
	_ = control.SetWriteDeadline(time.Time{})
}

// refuseRequest answers an ordinary request.
func refuseRequest(w http.ResponseWriter, why refusal) {
	body, err := json.Marshal(why)
	if err != nil {
		panic(err) // an int and a string always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(why.status)
	_, _ = w.Write(body)
}

// refuseUpgrade answers an upgrade request: the text alone, and no further
// request on the connection.
func refuseUpgrade(w http.ResponseWriter, why refusal) {
	status := why.status
	if status == http.StatusForbidden {
		status = http.StatusBadRequest // as Node does
	}
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", strconv.Itoa(len(why.Message)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, why.Message)
}

// A query is what the engine reads of a request's query. Of a name given more
// than once the last value counts.
type query struct {
	transport, sid, version string
	jsonp                   *string // parameter j; nil: none
	base64                  bool    // the client cannot take binary
}

func readQuery(r *http.Request) query {
	values, _ := url.ParseQuery(r.URL.RawQuery)
	last := func(name string) string {
		if v := values[name]; len(v) > 0 {
			return v[len(v)-1]
		}
		return ""
	}
	q := query{transport: last("transport"), sid: last("sid"), version: last("EIO"), base64: last("b64") != ""}
	if j, given := values["j"]; given {
		q.jsonp = &j[len(j)-1]
	}
	return q
}
