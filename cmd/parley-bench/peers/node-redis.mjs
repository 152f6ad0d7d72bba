// A server that shares a Redis with others: node node-redis.mjs host:port redis-host:port pubsub|sharded|streams
import { createServer } from "node:http";
import { createClient } from "redis";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { Server } from "socket.io";
import { address, bench } from "./bench.mjs";

const { host, port } = address();
const client = createClient({ url: `redis://${process.argv[3]}` });
const subscriber = client.duplicate();
await Promise.all([client.connect(), subscriber.connect()]);

const adapters = {
  pubsub: () => createAdapter(client, subscriber),
  sharded: () => createShardedAdapter(client, subscriber),
  streams: () => createStreamsAdapter(client),
};

const http = createServer();
const io = new Server(http, { perMessageDeflate: false, adapter: adapters[process.argv[4]]() });
io.engine.on("connection", (socket) => {
  socket.request = null;
});

bench(io);
setTimeout(() => http.listen(port, host), 200); // subscribed by then
