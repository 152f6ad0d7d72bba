// Package sio encodes and decodes Socket.IO packets, revision 5 of the protocol
// (https://socket.io/docs/v4/socket-io-protocol/).
//
// A packet is a line of text,
//
//	<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]
//
// followed by its binary attachments, each a message of its own; in the JSON the object
// {"_placeholder":true,"num":n} stands for attachment n. [Parse] checks the whole text in one pass
// and builds no values: arguments stay raw JSON (RFC 8259) until somebody wants them decoded.
// Collecting attachments is the caller's concern, the package has no state and does no input or output.
package sio
