package engineio

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// defaultPorts are those that browsers leave out of an origin.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// CheckOrigin returns an error if entry can stand in Options.AllowedOrigins for
// no origin that a browser sends.
func CheckOrigin(entry string) error {
	if entry == "*" {
		return nil
	}
	bad := func(why string) error {
		return fmt.Errorf("%q is no origin such as https://app.example: %s", entry, why)
	}
	if entry == "null" {
		return bad("any page can make its own null; decide by AllowOrigin")
	}
	scheme, host, ok := strings.Cut(entry, "://")
	if !ok || scheme == "" {
		return bad("the scheme is missing")
	}
	u, err := url.Parse(scheme + "://" + strings.TrimPrefix(host, "*."))
	switch {
	case err != nil:
		return bad(errors.Unwrap(err).Error())
	case u.Host == "" || u.Hostname() == "":
		return bad("the host is missing")
	case u.Host != strings.TrimPrefix(host, "*."):
		return bad("an origin has no user, path or slash at the end")
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r >= 0x80 }):
		return bad("browsers send hosts as ASCII (xn--…)")
	case strings.ContainsAny(u.Host, "* "):
		return bad("only *. before the host stands for more")
	case strings.HasSuffix(u.Host, ":"):
		return bad("the port is missing")
	case u.Port() != "" && u.Port() == defaultPorts[strings.ToLower(scheme)]:
		return bad("browsers leave the scheme's port out")
	}
	return nil
}

// An allowList is AllowedOrigins in a form that is quick to ask.
type allowList struct {
	any     bool
	exact   []string
	domains []domain
}

// A domain stands for all hosts below one.
type domain struct{ scheme, suffix string }

func newAllowList(entries []string) allowList {
	var l allowList
	for _, entry := range entries {
		entry = strings.ToLower(entry) // as browsers send it
		scheme, suffix, wild := strings.Cut(entry, "://*")
		switch {
		case entry == "*":
			l.any = true
		case wild:
			l.domains = append(l.domains, domain{scheme + "://", suffix})
		default:
			l.exact = append(l.exact, entry)
		}
	}
	return l
}

// names reports whether the list has the origin by name.
func (l *allowList) names(origin string) bool {
	return slices.Contains(l.exact, origin) ||
		slices.ContainsFunc(l.domains, func(d domain) bool { return d.has(origin) })
}

// has reports whether the origin's host is below the domain.
func (d domain) has(origin string) bool {
	rest, ok := strings.CutPrefix(origin, d.scheme)
	if !ok {
		return false
	}
	labels, ok := strings.CutSuffix(rest, d.suffix)
	return ok && labels != "" && !strings.ContainsFunc(labels, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	})
}

// A standing is what an origin may do.
type standing uint8

const (
	refused   standing = iota
	anonymous          // connect without cookies, as any page may
	trusted
)

// judge applies the allow-list to a request's Origin; an empty one is no
// browser's, or that of a GET by a page of the server's own.
func (s *Server) judge(r *http.Request, origin string) standing {
	if origin == "" {
		if s.origins.any || !s.rebound(r) || s.names(r, "https://"+r.Host) || s.names(r, "http://"+r.Host) {
			return trusted
		}
		return refused
	}
	if s.names(r, origin) {
		return trusted
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		// Behind a proxy that ends TLS the scheme is not known here.
		own := sameHost(u, r.Host) && !s.rebound(r)
		if own || s.opts.AllowLoopbackOrigins && loopback(u.Hostname()) {
			return trusted
		}
	}
	if s.origins.any {
		return anonymous
	}
	return refused
}

// admitScript is Admit for a JSONP handshake, which a page makes with a script
// element: nothing keeps the page from reading the answer, browsers send their
// cookies along, and no Origin. So the page is known by its Referer, or by what
// the browser says of it; what comes from nowhere may have no credentials.
func (s *Server) admitScript(r *http.Request) bool {
	if r.Header.Get("Origin") != "" {
		return true // Admit has seen it
	}
	if u, err := url.Parse(r.Referer()); err == nil && u.Host != "" {
		return s.judge(r, u.Scheme+"://"+u.Host) != refused
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		return s.origins.any || r.Header.Get("Cookie") == "" && r.Header.Get("Authorization") == ""
	}
	return s.origins.any
}

// names reports whether the origin is in AllowedOrigins, or AllowOrigin lets it
// in.
func (s *Server) names(r *http.Request, origin string) bool {
	return s.origins.names(origin) || s.opts.AllowOrigin != nil && s.opts.AllowOrigin(r, origin)
}

// rebound reports whether a request that arrived on a loopback address is for
// another host. In development that is a page whose name an attacker has
// pointed at this machine (DNS rebinding); its origin looks like the server's.
func (s *Server) rebound(r *http.Request) bool {
	if !s.opts.AllowLoopbackOrigins || r.Host == "" {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return false
	}
	u := url.URL{Host: r.Host}
	return !loopback(u.Hostname())
}

func sameHost(u *url.URL, host string) bool {
	port := ":" + defaultPorts[u.Scheme]
	return strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(host, port))
}

// loopback reports whether a host is this machine; names below localhost are
// (RFC 6761, section 6.3).
func loopback(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
