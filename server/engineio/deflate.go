package engineio

import "fmt"

// PerMessageDeflate configures the compression of WebSocket messages (RFC
// 7692). Each message is compressed by itself, once for all who get it, so a
// client costs no memory for it. Compression tells an eavesdropper something
// about a secret that stands in one message with what an attacker wrote: send
// such messages uncompressed.
type PerMessageDeflate struct {
	// Threshold is the size in bytes from which a message is compressed. Default
	// 1,024.
	Threshold int
	// Level is 1 (fastest) to 9 (smallest). Default 1, which makes JSON about as
	// small as the higher ones do.
	Level int
}

// maxLevel is the highest level of compression.
const maxLevel = 9

// withDefaults returns a checked copy, or nil.
func (o *PerMessageDeflate) withDefaults() *PerMessageDeflate {
	if o == nil {
		return nil
	}
	c := *o
	setInt("PerMessageDeflate.Threshold", &c.Threshold, 1024)
	setInt("PerMessageDeflate.Level", &c.Level, 1)
	if c.Level > maxLevel {
		panic(fmt.Sprintf("engineio: Options.PerMessageDeflate.Level is above %d", maxLevel))
	}
	return &c
}

// Deflatable returns a message that clients with permessage-deflate get
// compressed, if it is large enough and Message.Uncompressed has not been asked
// for. All copies of the result share its compressed form, which the first
// receiver makes. Without the option, m is returned as it is.
func (s *Server) Deflatable(m Message) Message {
	if s.deflater == nil {
		return m
	}
	return m.Deflatable(s.deflater)
}
