// A Node server of a cluster over Redis, with the application of clusterapp_test.go:
// node peer.mjs '{"redis":port,"wire":"classic|sharded|streams","client":"redis|redis-4|ioredis","options":{…},"recovery":ms}'.
// Reports {url}, and for each line on standard input {trouble, stalled}: errors that would have ended an ordinary process,
// and the longest time in ms for which nothing else could run. It ends when its standard input is closed.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { Server } from "socket.io";
import { report } from "./report.mjs";

const { redis, wire, client = "redis", options = {}, recovery } = JSON.parse(process.argv[2]);
const trouble = [];
for (const kind of ["uncaughtException", "unhandledRejection"]) {
  process.on(kind, (cause) => trouble.push(`${kind}: ${String(cause?.stack ?? cause)}`));
}

async function connect() {
  if (client === "ioredis") {
    const { Redis } = await import("ioredis");
    return new Redis(redis).on("error", () => {});
  }
  const { createClient } = await import(client);
  return createClient({ url: `redis://127.0.0.1:${redis}` }).on("error", () => {}).connect();
}

async function adapter() {
  const pub = await connect();
  if (wire === "streams") return createStreamsAdapter(pub, options);
  const sub = await connect();
  return wire === "sharded" ? createShardedAdapter(pub, sub, options) : createAdapter(pub, sub, options);
}

const http = createServer();
const io = new Server(http, {
  adapter: await adapter(),
  pingInterval: 5000, // as clusterapp_test.go has it
  ...(recovery && { connectionStateRecovery: { maxDisconnectionDuration: recovery } }),
});

for (const name of ["/", "/custom"]) {
  const ns = io.of(name);
  ns.on("connection", (socket) => {
    socket.data.name = socket.handshake.auth.name;
    socket.on("join", async (room, done) => {
      await socket.join(room);
      done();
    });
    socket.on("leave", async (room, done) => {
      await socket.leave(room);
      done();
    });
    socket.on("spread", (room, ...args) => (room ? socket.to(room) : socket.broadcast).emit(...args));
  });
  ns.on("told", (...args) => io.of("/control").local.emit("told", name, ...args));
  ns.on("question", (x, answer) => answer(x));
  ns.on("silence", () => {});
}

function target({ namespace = "/", to = [], except = [], volatile, local, uncompressed }) {
  let t = io.of(namespace).in(to).except(except);
  if (volatile) t = t.volatile;
  if (local) t = t.local;
  if (uncompressed) t = t.compress(false);
  return t;
}

// Errors of calls come with what was answered.
const outcome = (call) => new Promise((done) => call((error, answers) => done({ answers: answers ?? [], complete: !error })));

const operations = {
  emit: (order, ...args) => void target(order).emit(...args),
  ask: (order, ...args) => outcome((done) => target(order).timeout(order.within).emit(...args, done)),
  fetch: async (order) => (await target(order).fetchSockets()).map(({ id, rooms, data, handshake }) => (
    { id, rooms: [...rooms].filter((room) => room !== id), name: data.name, auth: handshake.auth, color: handshake.query.color, agent: handshake.headers["x-agent"] }
  )),
  join: (order) => void target(order).socketsJoin(order.rooms),
  leave: (order) => void target(order).socketsLeave(order.rooms),
  disconnect: (order) => void target(order).disconnectSockets(order.close),
  tell: ({ namespace = "/" }, ...args) => void io.of(namespace).serverSideEmit(...args),
  "ask-servers": ({ namespace = "/" }, ...args) => outcome((done) => io.of(namespace).serverSideEmit(...args, done)),
  count: ({ namespace = "/" }) => io.of(namespace).adapter.serverCount(),
  rooms: async ({ namespace = "/" }) => [...await io.of(namespace).adapter.allRooms()],
};

io.of("/control").on("connection", (socket) => {
  socket.on("order", async (order, ...args) => {
    const done = args.pop();
    try {
      done({ ok: true, result: await operations[order.do](order, ...args) });
    } catch (error) {
      done({ ok: false, error: { code: "failed", message: String(error?.stack ?? error) } });
    }
  });
});

let stalled = 0, last = performance.now();
setInterval(() => {
  const now = performance.now();
  stalled = Math.max(stalled, now - last - 20);
  last = now;
}, 20);

http.listen(0, "127.0.0.1", () => report({ url: `http://127.0.0.1:${http.address().port}` }));
for await (const _ of createInterface({ input: process.stdin })) {
  report({ trouble, stalled });
  stalled = 0;
}
process.exit(0);
