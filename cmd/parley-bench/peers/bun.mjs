import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { address, bench } from "./bench.mjs";

const { host, port } = address();
const io = new Server();
const engine = new Engine({ path: "/socket.io/" });

io.bind(engine);
bench(io);
Bun.serve({ hostname: host, port, ...engine.handler() });
