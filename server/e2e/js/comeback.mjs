// Clients whose server dies: node comeback.mjs '{"url":…}'. Reports when all are connected, and when all have come back and work.
import { io } from "socket.io-client";
import { Clients, modes, within } from "./clients.mjs";
import { report } from "./report.mjs";

const { url } = JSON.parse(process.argv[2]);
const reconnection = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
const all = [];
for (const mode of ["polling", "websocket", "upgrade"]) {
  const clients = new Clients({ url, mode, io });
  for (let i = 0; i < 4; i++) all.push(await clients.open("/", { ...reconnection, transports: modes[mode] }));
}
// The clients of the server that lives stay.
const ends = all.map((socket) => new Promise((done) => socket.once("disconnect", done)));
await report({ connected: all.length });
await within(Promise.any(ends), 10_000, "an end");
let ended = 0;
ends.forEach((end) => end.then(() => ended++));

// answered asks a client until it has answered three times in a row.
async function answered(socket, i) {
  for (let times = 0; times < 3;) {
    const answer = await socket.emitWithAck("ack", i).catch(() => null); // null: it was disconnected
    times = answer === i ? times + 1 : 0;
  }
}
let error = null;
try {
  await Promise.all(all.map((socket, i) => within(answered(socket, i), 10_000, `client ${i}`)));
} catch (cause) {
  error = String(cause?.stack ?? cause);
}
await report({ error, ended });
process.exit(0);
