package socketio

import (
	"errors"
	"fmt"
	"net"

	"parley/server/engineio"
)

// An Error, or one wrapped in the error of a handler, reaches the client as it is: as
// the failure of an acknowledgement, as the event "error", or from a middleware as
// connect_error, whose data is Data, or {"code"} without. Any other error is logged,
// and the client reads "Internal error".
type Error struct {
	// Code is for programs, such as "not_found"; Message is for people.
	Code    string
	Message string
	// Data is for anything more that the client should get. Nil is left out.
	Data any
}

// Error returns "code: message", or the message alone where there is no code.
func (e *Error) Error() string {
	if e.Code == "" {
		return e.Message
	}
	return e.Code + ": " + e.Message
}

// Codes of the errors that the package itself sends to clients.
const (
	CodeInvalid  = "invalid"  // arguments that do not fit the handler
	CodeInternal = "internal" // a panic, or an error that is not an *Error
)

func invalid(format string, args ...any) error {
	return &Error{Code: CodeInvalid, Message: fmt.Sprintf(format, args...)}
}

var errInternal = &Error{Code: CodeInternal, Message: "Internal error"}

var (
	// ErrClosed is the error of everything that needs a socket, or a server,
	// that is no longer there. errors.Is(ErrClosed, net.ErrClosed) holds.
	ErrClosed error = closedError{}
	// ErrSlow: the client reads too slowly. Its connection is being closed.
	ErrSlow = engineio.ErrSlow

	// ErrOverloaded, or an error that wraps it, lets Options.AllowRequest refuse a
	// client at the moment: with status 503, after which it may try again.
	ErrOverloaded = engineio.ErrOverloaded

	// What passes a limit; the errors returned name the option and its value.
	ErrTooManyAcks        = errors.New("socketio: too many unanswered calls")
	ErrTooManyRooms       = errors.New("socketio: too many rooms")
	ErrTooManyAttachments = errors.New("socketio: too many attachments")
	ErrNameTooLong        = errors.New("socketio: name too long")
	// ErrInboxFull ends a Call that a handler makes to its own client while so
	// many events of the client wait that it is not read from: the answer could
	// come only after the handler has returned. It also refuses a server-side event
	// of which too many wait.
	ErrInboxFull = errors.New("socketio: the client's events fill its inbox")
	// ErrNotConnected: a middleware made a Call, which the client answers only
	// once it is connected.
	ErrNotConnected = errors.New("socketio: not connected yet")
	// ErrReserved: the name of the event is the protocol's own.
	ErrReserved = errors.New("socketio: reserved event name")
)

// overLimit tells which option a caller went past.
func overLimit(err error, option string, limit int) error {
	return fmt.Errorf("%w: Options.%s is %d", err, option, limit)
}

// A closedError is ErrClosed, with the reason and what is behind it where they are known.
type closedError struct {
	reason Reason
	cause  error
}

func (e closedError) Error() string {
	text := "socketio: closed"
	if e.reason != "" {
		text += ": " + string(e.reason)
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

func (e closedError) Unwrap() error { return e.cause }

func (closedError) Is(target error) bool { return target == ErrClosed || target == net.ErrClosed }

// A clientError is the form in which clients get an Error.
type clientError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitzero"`
}

// failure is what an acknowledgement brings where the handler failed.
type failure struct {
	OK    bool        `json:"ok"`
	Error clientError `json:"error"`
}

// public returns what of err a client may see.
func public(err error) (e *Error, expected bool) {
	if errors.As(err, &e) && e != nil {
		return e, true
	}
	return errInternal, false
}
