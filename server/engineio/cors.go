package engineio

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// CORS is what pages of allowed origins are told besides that they are allowed
// (https://fetch.spec.whatwg.org, CORS protocol). The zero value suits the
// official clients.
type CORS struct {
	// DisableCredentials keeps browsers from sending cookies. By default the
	// origins that are allowed by name may send them.
	DisableCredentials bool
	// Methods answer a preflight request. Default GET, HEAD, PUT, PATCH, POST
	// and DELETE.
	Methods []string
	// AllowedHeaders are the request headers that a page may set. Default: what
	// it asks for.
	AllowedHeaders []string
	// ExposedHeaders are the answers' headers that a page may read. Default
	// none but the harmless.
	ExposedHeaders []string
	// MaxAge is how long a browser may keep the answer to a preflight request,
	// in whole seconds. Default: as long as browsers see fit.
	MaxAge time.Duration
}

// checked returns a copy with defaults, each list joined to the one value of its
// header. It panics with the name of a field that has an impossible value.
func (c CORS) checked() CORS {
	if len(c.Methods) == 0 {
		c.Methods = []string{"GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"}
	}
	lists := map[string]*[]string{"Methods": &c.Methods, "AllowedHeaders": &c.AllowedHeaders, "ExposedHeaders": &c.ExposedHeaders}
	for name, list := range lists {
		for _, token := range *list {
			if token == "" || strings.ContainsFunc(token, notToken) {
				panic("engineio: Options.CORS." + name + ": impossible name " + strconv.Quote(token))
			}
		}
		if len(*list) > 0 {
			*list = []string{strings.Join(*list, ",")}
		}
	}
	if c.MaxAge < 0 {
		panic("engineio: Options.CORS.MaxAge is negative")
	}
	return c
}

// notToken reports whether a character has no place in the name of a method or
// header (RFC 9110, section 5.6.2).
func notToken(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

// Admit applies the allow-list of origins to any request and sets the CORS
// headers of its answer. It reports false if it has answered the request
// itself: refused it, or answered a preflight request. ServeHTTP does so on its
// own; other handlers may use it to have one allow-list for all.
//
// CORS alone keeps a page from reading an answer; it keeps nobody from opening
// a WebSocket or sending a POST. So a foreign origin is refused outright.
func (s *Server) Admit(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if unprintable(origin) {
		s.refuse(w, r, errBadRequest, "name", "INVALID_ORIGIN", "origin", origin)
		return false
	}
	if origin != "" {
		w.Header().Add("Vary", "Origin")
	}
	judged := s.judge(r, origin)
	if judged == refused {
		s.logRefusal(r, origin)
		s.refuse(w, r, errForbidden, "name", "ORIGIN_NOT_ALLOWED", "origin", origin, "host", r.Host)
		return false
	}
	if origin == "" {
		return true
	}
	head, cors := w.Header(), &s.opts.CORS
	if judged == anonymous {
		origin = "*"
	} else if !cors.DisableCredentials {
		head.Set("Access-Control-Allow-Credentials", "true")
	}
	head.Set("Access-Control-Allow-Origin", origin)
	if len(cors.ExposedHeaders) > 0 {
		head.Set("Access-Control-Expose-Headers", cors.ExposedHeaders[0])
	}
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		s.preflight(w, r)
		return false
	}
	return true
}

// Allows reports whether the allow-list lets a request in, and logs it if not. It is
// for a handler that refuses in words of its own before it calls Admit.
func (s *Server) Allows(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if !unprintable(origin) && s.judge(r, origin) != refused {
		return true
	}
	s.logRefusal(r, origin)
	return false
}

func unprintable(origin string) bool {
	return strings.ContainsFunc(origin, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// preflight answers a CORS preflight request of an allowed origin.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request) {
	head, cors := w.Header(), &s.opts.CORS
	head.Set("Access-Control-Allow-Methods", cors.Methods[0])
	if len(cors.AllowedHeaders) > 0 {
		head.Set("Access-Control-Allow-Headers", cors.AllowedHeaders[0])
	} else if ask := r.Header.Get("Access-Control-Request-Headers"); ask != "" {
		head.Add("Vary", "Access-Control-Request-Headers")
		head.Set("Access-Control-Allow-Headers", ask)
	}
	if cors.MaxAge > 0 {
		head.Set("Access-Control-Max-Age", strconv.Itoa(int(cors.MaxAge/time.Second)))
	}
	head.Set("Content-Length", "0")
	s.answer(w, func() { w.WriteHeader(http.StatusNoContent) })
}

// logRefusal says which origin was refused and which pass. A page that tries
// again and again gets one line a minute.
func (s *Server) logRefusal(r *http.Request, origin string) {
	count, ok := s.originLog.take(time.Now())
	if !ok {
		return
	}
	allowed := []string{"its own origin"}
	if s.opts.AllowLoopbackOrigins {
		allowed = []string{"its own origin at localhost", "loopback origins"}
	}
	allowed = append(allowed, s.opts.AllowedOrigins...)
	if s.opts.AllowOrigin != nil {
		allowed = append(allowed, "what Options.AllowOrigin lets in")
	}
	what := "origin refused"
	if origin == "" {
		what = "host refused: the server is reached on loopback under a foreign name"
	}
	s.opts.Logger.Warn(what, "origin", clip(origin), "host", clip(r.Host), "allowed", strings.Join(allowed, ", "), "refused", count)
}

// clip keeps a client's words from filling the log.
func clip(s string) string { return s[:min(len(s), 200)] }
