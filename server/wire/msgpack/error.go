package msgpack

import "parley/server/wire/sio"

// Why bytes are not a packet, or not a value. The texts hold nothing of the input.
var (
	errShort       = &sio.ParseError{Reason: "MessagePack ends too early"}
	errTrailing    = &sio.ParseError{Reason: "bytes behind the MessagePack value"}
	errFormat      = &sio.ParseError{Reason: "unknown MessagePack format"}
	errExtension   = &sio.ParseError{Reason: "unknown MessagePack extension"}
	errKey         = &sio.ParseError{Reason: "MessagePack map with a key that is not text"}
	errUTF8        = &sio.ParseError{Reason: "MessagePack text is not valid UTF-8"}
	errDepth       = &sio.ParseError{Reason: "payload is nested deeper than Limits.Depth allows"}
	errAttachments = &sio.ParseError{Reason: "more attachments than Limits.Attachments allows"}
	errPacket      = &sio.ParseError{Reason: "packet is not a MessagePack map"}
	errTwice       = &sio.ParseError{Reason: "packet with a field that is there twice"}
	errType        = &sio.ParseError{Reason: "unknown packet type"}
	errNamespace   = &sio.ParseError{Reason: "namespace is missing, impossible or longer than Limits.Namespace allows"}
	errID          = &sio.ParseError{Reason: "packet id is not an integer between 0 and 2^53-1"}
	errBinary      = &sio.ParseError{Reason: "binary in a packet of a type that has none"}
	errJSON        = &sio.ParseError{Reason: "payload is not valid JSON"}
)
