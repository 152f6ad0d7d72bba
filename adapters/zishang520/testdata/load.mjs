// Loads the application of app_test.go, and prints in one line of JSON what was lost.
// Usage: node load.mjs <URL> <directory of the clients' packages> <clients> <broadcasts> <echoes of each> <connects> <milliseconds to wait without progress>
import { createRequire } from "node:module";

const [url, packages, ...numbers] = process.argv.slice(2);
const [clients, broadcasts, echoes, connects, patience] = numbers.map(Number);
const { io } = createRequire(packages + "/")("socket.io-client");
const options = { forceNew: true, reconnection: false };

// progress waits until count reaches target, or stays as it is.
async function progress(count, target) {
  for (let last = -1, since = Date.now(); count() < target; ) {
    if (count() !== last) [last, since] = [count(), Date.now()];
    if (Date.now() - since > patience) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

let connected = 0;
let sockets = Array.from({ length: connects }, (_, i) =>
  io(url, { ...options, transports: i % 2 ? ["websocket"] : ["polling", "websocket"] }).on("connect", () => connected++),
);
await progress(() => connected, connects);
const pending = connects - connected;
for (const socket of sockets) socket.disconnect();

let open = 0;
sockets = Array.from({ length: clients }, () => io(url, { ...options, transports: ["websocket"] }).on("connect", () => open++));
await progress(() => open, clients);

let delivered = 0;
for (const socket of sockets) socket.on("tick", () => delivered++);
sockets[0].emit("burst", broadcasts);
await progress(() => delivered, open * broadcasts);

let [returned, disordered] = [0, 0];
for (const socket of sockets) {
  let last = -1;
  socket.on("back", (n) => {
    returned++;
    if (n < last) disordered++;
    last = n;
  });
  for (let n = 0; n < echoes; n++) socket.emit("back", n);
}
await progress(() => returned, open * echoes);

console.log(JSON.stringify({
  pending,
  undelivered: open * broadcasts - delivered,
  unreturned: open * echoes - returned,
  disordered,
}));
process.exit(0);
