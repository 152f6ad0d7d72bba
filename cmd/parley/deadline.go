package main

import (
	"net/http"
	"time"
)

// readTime and writeTime are how long a client may take to send a request's body and to take its answer, but for Socket.IO,
// where requests wait and have limits of their own. So the http.Server has no timeouts for all.
const (
	readTime  = 10 * time.Second
	writeTime = time.Minute
)

// bounded gives each request limited times.
func bounded(h http.Handler, read, write time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(read))
		_ = control.SetWriteDeadline(time.Now().Add(write))
		h.ServeHTTP(w, r)
	})
}

// unbounded undoes the limit that an earlier answer on the same connection had.
func unbounded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		h.ServeHTTP(w, r)
	})
}
