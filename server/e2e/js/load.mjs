// Many official clients in one process: node load.mjs '{"url":…,"mode":…,"task":…,"clients":…,"events":…}'.
// Reports {connected}, then, where the task has events, {received, misplaced, incomplete}. The clients stay until
// standard input is closed; then half of them say goodbye and the others just vanish.
import { io } from "socket.io-client";
import { modes } from "./clients.mjs";
import { report } from "./report.mjs";

const { url, mode, task, clients, events = 0 } = JSON.parse(process.argv[2]);
const event = { echo: "echo", listen: "burst" }[task];

const everybody = [];
let failed = 0;
let received = 0;
let misplaced = 0;
let complete = 0;
let allComplete;
const completed = new Promise((done) => (allComplete = done));

function join() {
  return new Promise((done) => {
    const socket = io(url, { transports: modes[mode], forceNew: true, reconnection: false, timeout: 60_000 });
    everybody.push(socket);
    socket.on("connect", () => (mode === "upgrade" ? upgraded(socket, done) : done()));
    socket.on("connect_error", (error) => {
      failed++;
      report({ failure: `${error.message}: ${error.description?.message ?? error.description}` });
      done();
    });
    socket.on("disconnect", (reason) => {
      if (process.stdin.readable) report({ failure: `disconnect: ${reason}` });
    });
    let next = 0;
    if (event) socket.on(event, (i) => {
      received++;
      if (i !== next) misplaced++;
      next++;
      if (next === events && ++complete === clients) allComplete();
    });
  });
}

function upgraded(socket, done) {
  const { engine } = socket.io;
  if (engine.transport.name === "websocket") done();
  else engine.once("upgrade", done);
}

await Promise.all(Array.from({ length: clients }, join));
report({ connected: everybody.filter((socket) => socket.connected).length, failed });

if (task === "echo") {
  for (const socket of everybody) for (let i = 0; i < events; i++) socket.emit("echo", i);
}
if (event) {
  await Promise.race([completed, new Promise((done) => setTimeout(done, 60_000))]);
  report({ received, misplaced, incomplete: clients - complete });
}

process.stdin.resume().on("end", () => {
  everybody.forEach((socket, i) => i % 2 === 0 && socket.disconnect());
  setTimeout(() => process.exit(0), 100); // lets the goodbyes out
});
