package redisstreams

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// errSignature is the error of what is not signed with Options.Secret.
var errSignature = errors.New("redisstreams: wrong signature")

// signature returns the MAC of some parts: HMAC-SHA-256 (RFC 2104) over them with their
// lengths, so that none can be taken for a part of another.
func (o *Options) signature(parts ...string) []byte {
	mac := hmac.New(sha256.New, o.Secret)
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		_, _ = mac.Write(length[:])
		_, _ = mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// seal returns data for a channel or key, behind its signature if there is a secret.
func (o *Options) seal(place string, data []byte) []byte {
	if o.Secret == nil {
		return data
	}
	return append(o.signature(place, string(data)), data...)
}

// unseal undoes seal.
func (o *Options) unseal(place string, sealed []byte) ([]byte, error) {
	if o.Secret == nil {
		return sealed, nil
	}
	if len(sealed) < sha256.Size {
		return nil, errSignature
	}
	data := sealed[sha256.Size:]
	if !hmac.Equal(sealed[:sha256.Size], o.signature(place, string(data))) {
		return nil, errSignature
	}
	return data, nil
}

// The signature of an entry is a field of its own. It does not cover the entry's id, so
// whoever may write to Redis can send an entry again.

func (o *Options) signEntry(stream string, parts ...string) string {
	return base64.RawStdEncoding.EncodeToString(o.signature(append(parts, stream)...))
}

func (o *Options) verifyEntry(signature, stream string, parts ...string) bool {
	return o.Secret == nil || hmac.Equal([]byte(signature), []byte(o.signEntry(stream, parts...)))
}
