// The namespace that parley-bench drives, the same on every peer.
export function bench(io) {
  const namespace = io.of("/bench");
  namespace.on("connection", (socket) => {
    socket.on("echo", (x) => socket.emit("echo", x));
    socket.on("echo-ack", (x, ack) => ack(x));
    socket.on("join", (room) => socket.join(room));
    socket.on("bcast", (room, x) => namespace.to(room).emit("bcast", x));
  });
}

// The address is the only argument: host:port.
export function address() {
  const [, host, port] = /^(.+):(\d+)$/.exec(process.argv[2] ?? "") ?? [];
  if (!port) {
    console.error("usage: <peer>.mjs host:port");
    process.exit(2);
  }
  return { host, port: Number(port) };
}
