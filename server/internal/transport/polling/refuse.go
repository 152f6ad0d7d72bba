package polling

import (
	"net/http"
	"time"
)

// refuse answers with a status alone, which the client has WriteTimeout to
// take.
func (t *Transport) refuse(w http.ResponseWriter, status int) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(t.limits.WriteTimeout))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
	_ = control.Flush()
	_ = control.SetWriteDeadline(time.Time{})
}
