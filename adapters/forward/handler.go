package forward

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Handler serves next, which has a socketio.Server with this node's Tag, to clients and to the other servers: requests
// of sessions that are elsewhere are passed on. A handler around it that changes a request's RemoteAddr, such as one for
// trusted proxies, is asked at the server where the request arrives, and what it said holds for the session's server too.
func (n *Node) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if given := r.Header[passportHeader]; given != nil {
			n.accept(w, r, given, next)
			return
		}
		tag := tagOf(r.URL.RawQuery)
		if tag == "" || tag == n.tag || r.Method == http.MethodOptions || !n.forward(w, r, tag) {
			next.ServeHTTP(w, r)
		}
	})
}

// PeerHandler serves next to the other servers only, for a listener of its own: Options.URL is that listener's then.
// Handler goes on to serve them too.
func (n *Node) PeerHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.accept(w, r, r.Header[passportHeader], next)
	})
}

// refusedHeader tells a server that the other one has not taken a request, in an answer that no client sees.
const refusedHeader = "Parley-Refused"

// accept serves a request that another server passes on.
func (n *Node) accept(w http.ResponseWriter, r *http.Request, given []string, next http.Handler) {
	var p *passport
	err := errPassport
	if len(given) == 1 {
		p, err = readPassport(given[0], n.directory.proof(), r.Method, r.RequestURI)
	}
	if err == nil && p.to != n.tag {
		err = errElsewhere
	}
	if err != nil {
		n.opts.Logger.Debug("forward: request refused", "remote", r.RemoteAddr, "error", err)
		w.Header().Set(refusedHeader, "1")
		w.Header().Set("Connection", "close")
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	}
	if r.Method == http.MethodOptions { // of clients these are not passed on
		w.WriteHeader(http.StatusNoContent)
		return
	}
	n.accepted.Add(1)
	next.ServeHTTP(w, p.apply(r))
}

var errElsewhere = errors.New("forward: for another server")

// shortestID is the length in characters of the random part of the shortest session id that is looked for elsewhere. An
// id of Node's server has 20 characters and no tag.
const shortestID = 15

// tagOf returns the tag in the session id of a query, if it has one: of a name given more than once the last value
// counts, as for the engine.
func tagOf(query string) string {
	var sid string
	for query != "" {
		var field string
		field, query, _ = strings.Cut(query, "&")
		if value, ok := strings.CutPrefix(field, "sid="); ok {
			sid = value
		}
	}
	if strings.ContainsAny(sid, "%+") {
		sid, _ = url.QueryUnescape(sid)
	}
	if len(sid) < tagLength+shortestID {
		return ""
	}
	return sid[:tagLength]
}

// forward passes a request on to the server with a tag. It reports false if it has not answered: there is none, or it
// cannot be reached.
func (n *Node) forward(w http.ResponseWriter, r *http.Request, tag string) bool {
	switch n.begin() {
	case nil:
	case errFull:
		n.failed.Add(1)
		if now := time.Now().Unix(); now-n.warned.Swap(now) >= 60 { // a line for each burst of refusals
			n.opts.Logger.Warn("forward: MaxForwarded is reached", "maximum", n.opts.MaxForwarded)
		}
		w.Header().Set("Retry-After", "5")
		http.Error(w, "Too many requests are passed on", http.StatusServiceUnavailable)
		return true
	default:
		return false
	}
	held := true
	defer func() {
		if held {
			n.end()
		}
	}()
	ctx, cancel := context.WithTimeout(r.Context(), n.opts.LookupTimeout)
	p := n.directory.find(ctx, tag)
	cancel()
	secret := n.directory.proof()
	if p == nil || len(secret) == 0 {
		return false
	}
	out, err := outgoing(r, p, tag, secret)
	if err != nil || !p.reachable() {
		n.failed.Add(1)
		return false
	}
	var done bool
	if upgrading(out) {
		done, held = n.tunnel(w, r, out, p)
	} else {
		done = n.relay(w, r, out, p)
	}
	if done {
		n.forwarded.Add(1)
	} else {
		n.failed.Add(1)
	}
	return done
}

// hopByHop are the fields of a message that are not passed on (RFC 9110, section 7.6.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding",
	"Upgrade", "Expect",
}

func withoutHops(h http.Header) http.Header {
	out := h.Clone()
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		out.Del(name)
	}
	return out
}

func upgrading(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") }

// outgoing returns the request for another server, without a body.
func outgoing(r *http.Request, p *peer, tag string, secret []byte) (*http.Request, error) {
	target, err := url.ParseRequestURI(r.RequestURI) // r.URL may have been changed on the way here
	if err != nil {
		return nil, err
	}
	target.Scheme, target.Host = p.url.Scheme, p.url.Host
	out := &http.Request{
		Method: r.Method, URL: target, Host: r.Host, Header: withoutHops(r.Header),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if upgrading(r) {
		out.Header.Set("Connection", "Upgrade")
		out.Header.Set("Upgrade", "websocket")
	}
	if out.Header["User-Agent"] == nil {
		out.Header.Set("User-Agent", "") // and not Go's own
	}
	out.Header.Set(passportHeader, passportOf(r, tag).sign(secret, out.Method, target.RequestURI()))
	return out, nil
}
