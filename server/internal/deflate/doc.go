// Package deflate compresses and decompresses the payloads of WebSocket
// messages as permessage-deflate does (RFC 7692, 7.2), each message by itself.
// What that takes is pooled: between two messages nothing is held for anybody.
package deflate
