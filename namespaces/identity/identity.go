// Package identity says who is behind a socket or a request.
//
// With a key configured it is who a signed token (JWT, RFC 7519) says, and
// nobody without one comes in. Without a key, in open mode, clients say
// themselves who they are and are believed.
package identity

import "time"

// A User is who a person is, on every device.
type User struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
}

// Claims are what a verified token says.
type Claims struct {
	User
	ID       string    // of the token, its jti; may be empty
	Issued   time.Time // zero if the token does not say
	Expires  time.Time
	Scopes   []string // what its bearer may do over HTTP
	Channels []string // patterns of the channels of the main namespace; nil: the token does not limit them
}

// MaxName is the length in bytes of the longest user id or user name.
const MaxName = 250
