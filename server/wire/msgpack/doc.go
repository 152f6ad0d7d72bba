// Package msgpack translates between MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md)
// and the form that the rest of the server knows: JSON, in which the objects of
// [sio.AppendPlaceholder] stand for binary.
//
// [Parse] and [AppendPacket] do so for whole Socket.IO packets, as clients with
// socket.io-msgpack-parser exchange them: a map {type, data, nsp, id} that is one
// binary message. [Parse] refuses what [sio.Parse] would refuse. What is written is what the
// reference encoder (notepack.io) would write, in the shortest forms.
//
// An object of the user's may look like a placeholder. Its key is then written with an
// escape, which the scanner of package sio never takes for one.
//
// The package has no state and does no input or output.
package msgpack
