// Package reactor runs many connections on few goroutines.
//
// On Linux a plain TCP connection is taken off the runtime's poller and given
// to one of a few event loops, each a goroutine around an epoll instance: a
// connection at rest has no goroutine, no buffer and no timer. Any other
// connection (TLS, an in-memory pipe, another operating system) gets a reader
// goroutine, and a writer only while there is something to write.
//
// # Turns
//
// What one read brings is parsed to its end; then the tasks which that caused
// run on the same goroutine, which is the quickest way while they are short. A
// task that has not returned after about [StallAfter] is overtaken: a new
// goroutine takes the loop over and the old one ends with its task. So a
// handler may block, and nothing but its own socket waits for it.
//
// # Cork
//
// Output is not written where it is caused. A connection with something to
// write goes to the outbox, and a loop empties the outbox when it has read and
// handled all input there is: many messages then leave in one system call.
// With nothing to read they leave at once. Output caused outside of a loop is
// written by a goroutine that exists only while there is some.
package reactor
