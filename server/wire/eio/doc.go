// Package eio encodes and decodes Engine.IO packets, revision 4 of the protocol
// (https://socket.io/docs/v4/engine-io-protocol/), and revision 3, which clients 1.x and 2.x speak
// (https://github.com/socketio/socket.io/blob/main/docs/engine.io-protocol/v3.md): what has V3 in its name.
//
// A packet is a type digit and text, or 'b' and base64 where the carrier knows only text. A WebSocket
// carries one packet in each message and binary data as it is; HTTP long-polling joins packets to a [Payload].
// The package has no state and does no input or output. What a packet means is the session's concern.
package eio
