package engineio

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// admit applies the allow-list to a request's Origin and sets the CORS headers
// of the answer. It reports false if the request must be refused.
//
// CORS alone keeps a page from reading an answer; it keeps nobody from opening
// a WebSocket or sending a POST. So a foreign origin is refused outright.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	w.Header().Add("Vary", "Origin")
	if !s.allowed(origin, r.Host) {
		s.opts.Logger.Warn("origin refused", "origin", origin, "allowed", s.opts.AllowedOrigins)
		return false
	}
	if s.opts.anyOrigin() {
		// Any page may connect, but none with its visitor's cookies.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		return true
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	return true
}

// admitScript is admit for a JSONP handshake, which a page makes with a script
// element: nothing keeps the page from reading the answer, browsers send their
// cookies along, and no Origin. So the page is known by its Referer, or by what
// the browser says of it; what comes from nowhere may have no credentials.
func (s *Server) admitScript(r *http.Request) bool {
	if r.Header.Get("Origin") != "" {
		return true // admit has seen it
	}
	if u, err := url.Parse(r.Referer()); err == nil && u.Host != "" {
		return s.allowed(u.Scheme+"://"+u.Host, r.Host)
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		return s.opts.anyOrigin() || r.Header.Get("Cookie") == "" && r.Header.Get("Authorization") == ""
	}
	return s.opts.anyOrigin()
}

func (s *Server) allowed(origin, host string) bool {
	if slices.Contains(s.opts.AllowedOrigins, origin) || s.opts.anyOrigin() {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	// Behind a proxy that ends TLS the scheme is not known here.
	return sameHost(u, host) || s.opts.AllowLoopbackOrigins && loopback(u.Hostname())
}

func sameHost(u *url.URL, host string) bool {
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(host, port))
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// preflight answers a CORS preflight request.
func preflight(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
	if ask := r.Header.Get("Access-Control-Request-Headers"); ask != "" {
		head.Add("Vary", "Access-Control-Request-Headers")
		head.Set("Access-Control-Allow-Headers", ask)
	}
	head.Set("Content-Length", "0")
	w.WriteHeader(http.StatusNoContent)
}
