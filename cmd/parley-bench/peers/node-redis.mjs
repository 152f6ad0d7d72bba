// Socket.IO on Node beside others of its kind: node node-redis.mjs host:port redis://… classic|sharded|streams
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { address, bench } from "./bench.mjs";

const { host, port } = address();
const [, , , url, wire] = process.argv;
const client = createClient({ url });
const subscriber = client.duplicate();
await Promise.all([client.connect(), subscriber.connect()]);
const adapters = {
  classic: () => createAdapter(client, subscriber),
  sharded: () => createShardedAdapter(client, subscriber),
  streams: () => createStreamsAdapter(client),
};
const http = createServer();
const io = new Server(http, { perMessageDeflate: false, adapter: adapters[wire]() });
bench(io);
http.listen(port, host);
