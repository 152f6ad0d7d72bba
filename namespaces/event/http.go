package event

import (
	"net/http"

	"github.com/go-json-experiment/json"
)

// AnswerHTTP answers a request with JSON. It panics if body cannot be JSON.
func AnswerHTTP(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // who is gone does not read it
}

// RefuseHTTP answers a request with {"error": {"code": …, "message": …}}.
func RefuseHTTP(w http.ResponseWriter, status int, code, message string) {
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	AnswerHTTP(w, status, struct {
		Error problem `json:"error"`
	}{problem{code, message}})
}

// Unauthorized refuses a request for want of a good token (RFC 6750, section 3). The
// code says what is wrong with it.
func Unauthorized(w http.ResponseWriter, code string) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	RefuseHTTP(w, http.StatusUnauthorized, code, "Authentication failed")
}
