// Package nodewire translates between the messages of package cluster and what the
// adapters of Node servers exchange over Redis, byte for byte:
//
//   - [Classic]: createAdapter of @socket.io/redis-adapter 7.2 to 8.3, and
//     @socket.io/redis-emitter;
//   - [Sharded]: createShardedAdapter of the same;
//   - [Streams]: @socket.io/redis-streams-adapter 0.3.
//
// The package has no state and does no input or output. All functions may be called
// from any goroutine.
//
// # What cannot be written
//
// A message that Node's decoders throw on ends the process, or stops its reading of the
// stream. So nothing is written unless it is an event that clients take, nested no
// deeper than Limits.Depth, in valid UTF-8; anything else is an error. In MessagePack
// members named __proto__ are left out: one library refuses the whole message for
// them, the other changes the prototype of the object.
//
// # What is lost
//
// A wire can say less than a message. JSON has no binary, so on the classic wire
// attachments of server-side events, of their answers and of sockets' data become
// {"type":"Buffer","data":[…]}, which [Limits.Revive] undoes. Acknowledgements are one value: what a
// client sends beyond its first argument is not passed on.
package nodewire
