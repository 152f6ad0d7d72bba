// Clients of three generations in one room: node mixed.mjs '{"url":…}'. Reports {clients}, then {error}.
import v2 from "socket.io-client-v2";
import v3 from "socket.io-client-v3";
import { io as v4 } from "socket.io-client";
import { Clients, bytes, modes, same } from "./clients.mjs";
import { modern } from "./old.mjs";
import { report } from "./report.mjs";

const { url } = JSON.parse(process.argv[2]);
const groups = [];
const members = [];

for (const io of [v2, v3, v4]) {
  for (const mode of ["polling", "websocket", "upgrade"]) {
    const clients = new Clients({ url, mode, io: (address, options) => modern(io(address, options)) });
    groups.push(clients);
    members.push({ clients, socket: await clients.open() });
  }
}
await Promise.all(members.map(({ socket }) => socket.emitWithAck("join", "mixed")));
report({ clients: members.length });

// What the i-th member casts in round n.
const word = (i, n) => ({ i, n, text: "é 😀 \u2028", blob: n % 2 ? bytes(100 * i + n).buffer : null });

async function exchange() {
  const rounds = 6;
  for (let n = 0; n < rounds; n++) {
    members.forEach(({ socket }, i) => socket.emit("cast", { to: ["mixed"] }, word(i, n)));
  }
  for (const [me, { clients, socket }] of members.entries()) {
    const heard = members.map(() => 0);
    for (let left = rounds * (members.length - 1); left > 0; left--) {
      const [got] = await clients.next(socket, "cast");
      same(got, word(got.i, heard[got.i]++), `what member ${me} heard`);
    }
    same(heard[me], 0, "its own words");
  }
}

report({ error: await exchange().then(() => null, (error) => String(error?.stack ?? error)) });
groups.forEach((clients) => clients.close());
process.exit(0);
