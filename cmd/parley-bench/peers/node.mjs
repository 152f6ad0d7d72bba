import { createServer } from "node:http";
import { Server } from "socket.io";
import { address, bench } from "./bench.mjs";

const { host, port } = address();
const http = createServer();
const io = new Server(http, { perMessageDeflate: false });

// Its documentation's tip on memory: let go of the handshake request.
io.engine.on("connection", (socket) => {
  socket.request = null;
});

bench(io);
http.listen(port, host);
