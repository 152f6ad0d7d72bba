// Command parley-bench measures Socket.IO servers under load: `serve` is Parley's side, `run` the driver, which works
// with any Socket.IO 4 server that has the namespace /bench:
//
//	echo x            the server emits echo x to the sender
//	echo-ack x        the server acknowledges with x
//	join room         the sender joins the room
//	bcast room x      the server emits bcast x to the room
//
// The directory peers has the same for Node and Bun (npm ci; node node.mjs host:port; node_modules/.bin/bun bun.mjs host:port),
// and node-redis.mjs for Node servers that share a Redis.
//
// How the figures come about:
//   - Each scenario gets a fresh server process in each round, and the servers take turns. A tenth of the load goes
//     first and does not count, so that compilers that work while a program runs have done it.
//   - CPU is what the system charges the server's processes, all threads, from a quiet moment before the load to a
//     quiet moment after it: garbage that is collected late counts. Sending over loopback includes the kernel's work
//     of receiving, which is so for all servers and for the driver, whose own CPU is shown beside it.
//   - Memory is resident memory, with all idle clients in and settled, less that with the first hundred, by client.
//     The kernel's socket buffers are not in it.
//   - In echo, ack and pipelined a client sends when an answer comes, so latencies are those of a saturated server.
//     In paced, messages are due by the clock and latency counts from then, whatever held the message up; in burst
//     it counts from the beginning of the burst.
//   - In across and flood two processes of a server share a Redis. Pairs of clients, one at each server, are in a room; every
//     message goes to both, and its latency is that of the client at the other server. CPU is that of both processes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

const synopsis = `usage: parley-bench serve --addr host:port
       parley-bench run --server 'name=command {addr}' [--server …] [flags]

"parley-bench run --help" lists the flags.
`

func main() {
	if err := dispatch(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "parley-bench:", err)
		os.Exit(1)
	}
}

// dispatch runs the subcommand that args begin with.
func dispatch(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			return serve(args[1:])
		case "run":
			return run(args[1:])
		}
	}
	fmt.Fprint(os.Stderr, synopsis)
	return errors.New("want a subcommand, serve or run")
}
