// Official clients that lose their connections and come back:
// node recover.mjs '{"url":…,"mode":…,"clients":…,"timeout":…}'. Each says its number in the handshake and receives the
// events "all", "room" and "own", each with a number that counts up. Reports {ready} when all are there, and then for each
// line "status" on standard input what they have seen; any other line, or its end, ends it.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { modes } from "./clients.mjs";
import { report } from "./report.mjs";

const { url, mode, clients, timeout } = JSON.parse(process.argv[2]);
const sum = { connects: 0, recovered: 0, fresh: 0, gaps: 0, repeats: 0, trouble: [] };

function open(number) {
  const socket = io(url, {
    transports: modes[mode], forceNew: true, auth: { number },
    reconnectionDelay: 10, reconnectionDelayMax: 50, timeout,
  });
  const last = { all: -1, room: -1, own: -1 };
  let id;
  socket.on("connect", () => {
    sum.connects++;
    if (socket.recovered) sum.recovered++;
    else {
      sum.fresh++;
      for (const kind in last) last[kind] = -1;
    }
    if (socket.recovered && socket.id !== id) sum.trouble.push("another id");
    id = socket.id;
  });
  for (const kind in last) {
    socket.on(kind, (n) => {
      const due = last[kind] + 1;
      if (last[kind] >= 0 && n > due) sum.gaps++;
      if (last[kind] >= 0 && n < due) sum.repeats++;
      if (Math.abs(n - due) > 0 && last[kind] >= 0) sum.trouble.push(`${kind} ${n} instead of ${due} at ${number}`);
      last[kind] = n;
    });
  }
  return { socket, last };
}

const all = Array.from({ length: clients }, (_, i) => open(i));
await Promise.all(all.map(({ socket }) => new Promise((done) => socket.once("connect", done))));
report({ ready: true });

for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "status") break;
  report({
    ...sum, trouble: sum.trouble.slice(0, 5), connected: all.filter(({ socket }) => socket.connected).length,
    last: all.map(({ last }) => [last.all, last.room, last.own]),
    transports: all.map(({ socket }) => socket.io.engine?.transport?.name),
  });
}
process.exit(0);
