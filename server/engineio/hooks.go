package engineio

import (
	"errors"
	"net/http"
)

// A ConnectionError tells Options.OnConnectionError why a request is refused.
type ConnectionError struct {
	// Request is valid only during the call.
	Request *http.Request
	// Code is that of Engine.IO: 0 unknown transport, 1 unknown session, 2 bad
	// method of a handshake, 3 bad request, 4 forbidden, 5 unsupported version
	// of the protocol.
	Code int
	// Message is what the client is told.
	Message string
	// Context says more. Codes 3 and, for origins, 4 have the key "name":
	// INVALID_ORIGIN, ORIGIN_NOT_ALLOWED, TRANSPORT_MISMATCH,
	// TRANSPORT_HANDSHAKE_ERROR, PROTOCOL_MISMATCH, ID_GENERATION_ERROR,
	// HEADER_TOO_LARGE, UNAVAILABLE or OVERLOADED. The other keys are named after what they
	// hold, such as "transport", "sid" or "origin".
	Context map[string]string
}

// report tells the hook; context is keys and values in turn.
func (s *Server) report(r *http.Request, why refusal, context []string) {
	if s.opts.OnConnectionError == nil {
		return
	}
	e := ConnectionError{Request: r, Code: why.Code, Message: why.Message, Context: make(map[string]string)}
	for i := 0; i+1 < len(context); i += 2 {
		e.Context[context[i]] = context[i+1]
	}
	s.opts.OnConnectionError(e)
}

// allowed asks AllowRequest, and refuses the request if it must.
func (s *Server) allowed(w http.ResponseWriter, r *http.Request) bool {
	if s.opts.AllowRequest == nil {
		return true
	}
	err := s.opts.AllowRequest(r)
	if err == nil {
		return true
	}
	why := errForbidden
	if text := err.Error(); text != "" {
		why.Message = text
	}
	if errors.Is(err, ErrOverloaded) {
		why.Code, why.status = errUnavailable.Code, errUnavailable.status
		w.Header().Set("Retry-After", retryAfter)
		s.refuse(w, r, why, "name", "OVERLOADED", "message", why.Message)
		return false
	}
	s.refuse(w, r, why, "message", why.Message)
	return false
}

// answering returns a writer that has the hook for headers called before the
// header of a success is written.
func (s *Server) answering(w http.ResponseWriter, r *http.Request, initial bool) http.ResponseWriter {
	if s.opts.Headers == nil {
		return w
	}
	return &hooked{ResponseWriter: w, hook: func(h http.Header) { s.opts.Headers(h, r, initial) }}
}

type hooked struct {
	http.ResponseWriter
	hook func(http.Header) // nil once the header is written
}

func (h *hooked) WriteHeader(status int) {
	if hook := h.hook; hook != nil {
		h.hook = nil
		if status == http.StatusOK {
			hook(h.Header())
		}
	}
	h.ResponseWriter.WriteHeader(status)
}

func (h *hooked) Write(p []byte) (int, error) {
	if h.hook != nil {
		h.WriteHeader(http.StatusOK)
	}
	return h.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (h *hooked) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// upgradeHeader returns what the answer to an upgrade request has besides the
// fields of WebSocket: what w has been given, and what the hook adds.
func (s *Server) upgradeHeader(w http.ResponseWriter, r *http.Request, initial bool) http.Header {
	if s.opts.Headers == nil {
		if len(w.Header()) == 0 {
			return nil
		}
		return w.Header()
	}
	h := w.Header().Clone() // a refusal is without
	s.opts.Headers(h, r, initial)
	return h
}

// cookieTemplate returns a checked copy with defaults.
func cookieTemplate(given *http.Cookie) *http.Cookie {
	if given == nil {
		return nil
	}
	c := *given
	if c.Name == "" {
		c.Name = "io"
	}
	if c.Path == "" {
		c.Path = "/"
	}
	if c.SameSite == 0 {
		c.SameSite = http.SameSiteLaxMode
	}
	c.Value, c.HttpOnly = "id", true
	if err := c.Valid(); err != nil {
		panic("engineio: Options.Cookie: " + err.Error())
	}
	if c.SameSite == http.SameSiteNoneMode && !c.Secure {
		panic("engineio: Options.Cookie: browsers refuse SameSite None without Secure")
	}
	return &c
}

// setCookie names the session in the answer to its handshake.
func (s *Server) setCookie(w http.ResponseWriter, id string) {
	if s.opts.Cookie != nil {
		c := *s.opts.Cookie
		c.Value = id
		http.SetCookie(w, &c)
	}
}

// maxID is the length in bytes of the longest id that GenerateID may return.
const maxID = 128

var (
	errBadID   = errors.New("the id is empty, too long, or has other characters than letters, digits and -._~")
	errIDInUse = errors.New("the id is in use")
)

// claimID returns the id of a new session. One that GenerateID made is reserved
// until disclaimID.
func (s *Server) claimID(r *http.Request) (string, error) {
	if s.opts.GenerateID == nil {
		return newID(s.opts.NodeTag), nil
	}
	id, err := s.opts.GenerateID(r)
	if err != nil {
		return "", err
	}
	if len(id) == 0 || len(id) > maxID {
		return "", errBadID
	}
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~') {
			return "", errBadID
		}
	}
	id = s.opts.NodeTag + id
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, used := s.claimed[id]; used || s.sessions[id] != nil {
		return "", errIDInUse
	}
	if s.claimed == nil {
		s.claimed = make(map[string]struct{})
	}
	s.claimed[id] = struct{}{}
	return id, nil
}

// disclaimID ends the reservation of an id, which a session now has or none will.
func (s *Server) disclaimID(id string) {
	if s.opts.GenerateID != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.claimed, id)
	}
}
