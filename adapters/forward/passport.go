package forward

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// passportHeader is what a forwarded request has, and no client's.
const passportHeader = "Parley-Forwarded"

// A passport says who made a request that another server passes on. It is a query whose last field, mac, is the
// HMAC-SHA256 of the method, the request's URI and the fields before it, by the servers' secret. It is good for any time:
// who could read one on its way can read the session's id too.
type passport struct {
	to     string // the tag of the server that has the session
	remote string // the client's address, http.Request.RemoteAddr
	local  string // where the client's request arrived
	host   string // what the client asked for
	secure bool   // the client's connection is encrypted
}

const macField = "&mac="

// sign returns the header's value.
func (p *passport) sign(secret []byte, method, uri string) string {
	v := url.Values{"to": {p.to}, "remote": {p.remote}, "local": {p.local}, "host": {p.host}}
	if p.secure {
		v.Set("secure", "1")
	}
	text := v.Encode()
	return text + macField + mac(secret, method, uri, text)
}

func mac(secret []byte, method, uri, text string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(method + "\n" + uri + "\n" + text)) // no method and no URI has a line end
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

var errPassport = errors.New("forward: not signed by a server of this cluster")

// readPassport checks a header's value.
func readPassport(value string, secret []byte, method, uri string) (*passport, error) {
	at := strings.LastIndex(value, macField)
	if at < 0 || len(secret) == 0 {
		return nil, errPassport
	}
	text, given := value[:at], value[at+len(macField):]
	if !hmac.Equal([]byte(given), []byte(mac(secret, method, uri, text))) {
		return nil, errPassport
	}
	v, err := url.ParseQuery(text)
	if err != nil {
		return nil, errPassport
	}
	return &passport{to: v.Get("to"), remote: v.Get("remote"), local: v.Get("local"), host: v.Get("host"), secure: v.Get("secure") != ""}, nil
}

// passportOf describes a client's request.
func passportOf(r *http.Request, to string) *passport {
	p := &passport{to: to, remote: r.RemoteAddr, host: r.Host, secure: r.TLS != nil}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		p.local = local.String()
	}
	return p
}

// apply returns the request as the client made it.
func (p *passport) apply(r *http.Request) *http.Request {
	ctx := r.Context()
	if local, err := netip.ParseAddrPort(p.local); err == nil {
		ctx = context.WithValue(ctx, http.LocalAddrContextKey, net.Addr(net.TCPAddrFromAddrPort(local)))
	}
	r = r.WithContext(ctx)
	r.Header = r.Header.Clone()
	r.Header.Del(passportHeader)
	r.RemoteAddr, r.Host, r.TLS = p.remote, p.host, nil
	if p.secure {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	return r
}
