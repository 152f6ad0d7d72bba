package redispubsub

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// macSize is what stands before a signed message, in bytes: the HMAC-SHA256 (RFC 2104)
// of the channel's name, a zero byte and the message.
const macSize = sha256.Size

var errSignature = errors.New("redispubsub: message without the right signature")

// sign fills in the first bytes of a message, which are kept for it.
func sign(secret []byte, channel string, data []byte) {
	copy(data, mac(secret, channel, data[macSize:]))
}

// verify returns the message without its signature.
func verify(secret []byte, channel string, data []byte) ([]byte, error) {
	if len(data) < macSize || !hmac.Equal(data[:macSize], mac(secret, channel, data[macSize:])) {
		return nil, errSignature
	}
	return data[macSize:], nil
}

func mac(secret []byte, channel string, message []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(channel))
	h.Write([]byte{0})
	h.Write(message)
	return h.Sum(nil)
}
