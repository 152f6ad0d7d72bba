package notifications

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/namespaces/event"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

// Scope is what a token must allow to send over HTTP.
const Scope = "notifications:write"

// Handler takes notifications from services, as POST requests with a JSON body:
//
//	{"to": {"userId": "…"}, "type": "mention", "data": {…}}
//
// where "to" may also be {"userIds": […]}, {"room": "…"} or {"everyone": true}. The
// answer is 202 with {"ids": […]}, or {"error": {"code": …, "message": …}}. With
// keys the bearer token needs Scope. In open mode anybody may send but pages of
// foreign origins, which cannot send JSON unasked.
func (n *Notifications) Handler() http.Handler { return http.HandlerFunc(n.post) }

func (n *Notifications) post(w http.ResponseWriter, r *http.Request) {
	if !n.srv.Allows(r) {
		w.Header().Set("Vary", "Origin")
		event.RefuseHTTP(w, http.StatusForbidden, "forbidden", "This origin is not allowed.")
		return
	}
	if !n.srv.Admit(w, r) { // a preflight request
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST, OPTIONS")
		event.RefuseHTTP(w, http.StatusMethodNotAllowed, "method_not_allowed", "Only POST is allowed.")
		return
	}
	if !n.maySend(w, r) {
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		event.RefuseHTTP(w, http.StatusUnsupportedMediaType, "unsupported_media_type", "The Content-Type must be application/json.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(n.opts.BodyBytes)))
	if err != nil {
		n.failed(w, r, bodyError(err, n.opts.BodyBytes))
		return
	}
	o, err := parseOrder(body)
	if err != nil {
		n.failed(w, r, err)
		return
	}
	ids, err := o.send(r.Context(), n)
	if err != nil {
		n.failed(w, r, err)
		return
	}
	event.AnswerHTTP(w, http.StatusAccepted, accepted{ids})
}

// maySend reports whether a request may send, and answers it if not.
func (n *Notifications) maySend(w http.ResponseWriter, r *http.Request) bool {
	p, err := n.gate.Request(r, false)
	if err != nil {
		event.Unauthorized(w, identity.CodeOf(err))
		return false
	}
	if !n.gate.Open() && !slices.Contains(p.Scopes, Scope) {
		event.RefuseHTTP(w, http.StatusForbidden, "forbidden", "The token needs the scope "+Scope+".")
		return false
	}
	return true
}

func bodyError(err error, limit int) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return event.TooLarge(limit)
	}
	return event.Invalid("The body cannot be read.")
}

// An order is the body of a request.
type order struct {
	To struct {
		UserID   *string  `json:"userId"`
		UserIDs  []string `json:"userIds"`
		Room     *string  `json:"room"`
		Everyone bool     `json:"everyone"`
	} `json:"to"`
	Type Type           `json:"type"`
	Data jsontext.Value `json:"data"`
}

// parseOrder reads a body. Its error is a *socketio.Error.
func parseOrder(body []byte) (order, error) {
	var o order
	if jsontext.Value(body).Kind() != '{' {
		return o, event.Invalid("The body must be a JSON object.")
	}
	if err := json.Unmarshal(body, &o); err != nil {
		return o, event.Invalid("The body is not JSON, or a field has the wrong type.")
	}
	receivers := 0
	for _, given := range []bool{o.To.UserID != nil, o.To.UserIDs != nil, o.To.Room != nil, o.To.Everyone} {
		if given {
			receivers++
		}
	}
	if receivers != 1 {
		return o, event.Invalid("to must have one of userId, userIds, room and everyone: true.")
	}
	return o, nil
}

// send does what the order says.
func (o *order) send(ctx context.Context, n *Notifications) (ids []string, err error) {
	d := Draft{Type: o.Type}
	if o.Data != nil {
		d.Data = o.Data
	}
	var id string
	switch {
	case o.To.UserIDs != nil:
		return n.NotifyUsers(ctx, o.To.UserIDs, d)
	case o.To.UserID != nil:
		id, err = n.NotifyUser(ctx, *o.To.UserID, d)
	case o.To.Room != nil:
		id, err = n.NotifyRoom(ctx, *o.To.Room, d)
	default:
		id, err = n.Broadcast(ctx, d)
	}
	return []string{id}, err
}

// failed answers a request that could not be served. Only what is meant for clients
// reaches them.
func (n *Notifications) failed(w http.ResponseWriter, r *http.Request, err error) {
	var e *socketio.Error
	switch {
	case !errors.As(err, &e):
		n.opts.Logger.LogAttrs(r.Context(), slog.LevelError, "notification not sent", slog.Any("error", err))
		event.RefuseHTTP(w, http.StatusInternalServerError, "internal", "Internal error")
	case e.Code == "too_large":
		event.RefuseHTTP(w, http.StatusRequestEntityTooLarge, e.Code, e.Message)
	case e.Code == event.ErrPrivate.Code:
		event.RefuseHTTP(w, http.StatusForbidden, e.Code, e.Message)
	case e.Code == "unavailable":
		n.opts.Logger.LogAttrs(r.Context(), slog.LevelWarn, "notification not sent", slog.Any("error", err))
		event.RefuseHTTP(w, http.StatusServiceUnavailable, e.Code, e.Message)
	default:
		event.RefuseHTTP(w, http.StatusBadRequest, e.Code, e.Message)
	}
}

type accepted struct {
	IDs []string `json:"ids"`
}
