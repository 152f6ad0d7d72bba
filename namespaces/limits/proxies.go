package limits

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// BehindProxies gives requests that come from a trusted proxy the address of its
// client, as RemoteAddr with port 0, for all that is behind it: the last address in
// X-Forwarded-For that is no trusted proxy's. What anybody else writes there is not
// believed.
func BehindProxies(trusted []netip.Prefix, h http.Handler) http.Handler {
	if len(trusted) == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, ok := clientOf(trusted, r); ok {
			forwarded := *r
			forwarded.RemoteAddr = netip.AddrPortFrom(client, 0).String()
			r = &forwarded
		}
		h.ServeHTTP(w, r)
	})
}

// clientOf returns the address of the client if the request came through proxies.
func clientOf(trusted []netip.Prefix, r *http.Request) (client netip.Addr, forwarded bool) {
	isProxy := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !isProxy(from.Addr().Unmap()) {
		return client, false
	}
	for _, line := range slices.Backward(r.Header.Values("X-Forwarded-For")) {
		for _, item := range slices.Backward(strings.Split(line, ",")) {
			a, ok := parseForwarded(strings.TrimSpace(item))
			if !ok {
				return client, forwarded // what stands before it may be anybody's
			}
			if client, forwarded = a, true; !isProxy(a) {
				return client, true
			}
		}
	}
	return client, forwarded
}

// parseForwarded takes an address with or without a port.
func parseForwarded(text string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err == nil
}
