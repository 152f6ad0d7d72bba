// Clients that tell whether servers of a cluster pass on the same: node poison.mjs '{"peers":[{"url":…}…],"rooms":[…]}'. One
// client of each server is in all the rooms. Reports {ready}; for a number on standard input, when every client has so many
// events whose names do not begin with "volatile", {difference}: what another client got where it is not what that of the
// first server got. For "back" it has the first client answer whatever questions the others' servers ask, and reports
// {difference} too. Then any line ends it.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { Clients, bytes, plain, until } from "./clients.mjs";
import { report } from "./report.mjs";

const { peers, rooms } = JSON.parse(process.argv[2]);
const sites = peers.map(({ url }) => new Clients({ url, mode: "websocket", io }));
const odd = { "": [null, { "ключ\u0000": "\u2028" }], __proto__x: 1, length: -1, big: 1e300 };
const clients = await Promise.all(sites.map((site, i) => site.open("/", { auth: { name: `n${i}`, odd }, query: { odd: "?&=#é\n" } })));
const controls = await Promise.all(sites.map((site) => site.open("/control")));
const heard = clients.map(() => []);
// Node's codecs lose members of this name.
const text = (value) => JSON.stringify(plain(value), (key, inner) => (key === "__proto__" ? undefined : inner));
for (const [i, socket] of clients.entries()) {
  socket.onAny((event, ...args) => {
    if (event === "volatile probe") return args[0]();
    if (event.startsWith("volatile") || event === "question") return;
    heard[i].push(text([event, ...args]));
  });
  for (const room of rooms) await socket.emitWithAck("join", room);
}
report({ ready: true });

let seen = 0;
async function compare(most) {
  let late = null;
  await until(() => heard.every((list) => list.length >= most), "the last event").catch((error) => (late = error));
  const [first, ...others] = heard;
  for (; seen < most; seen++) {
    for (const [i, list] of others.entries()) {
      if (list[seen] !== first[seen]) return `event ${seen} at client ${i + 1}: ${differing(list[seen], first[seen])} (${heard.map(({ length }) => length)} of ${most})`;
    }
  }
  if (late || heard.some(({ length }) => length > most)) return `${heard.map(({ length }) => length)} events instead of ${most}`;
  return null;
}

// differing shows two texts from a little before they differ.
function differing(a = "nothing", b = "nothing") {
  let at = 0;
  while (a[at] === b[at]) at++;
  const from = Math.max(0, at - 60);
  return `${short(a.slice(0, 30))} … ${short(a.slice(from, at + 100))}, not … ${short(b.slice(from, at + 100))}`;
}

const short = (s = "nothing") => (s.length < 500 ? s : `${s.slice(0, 500)}… (${s.length})`);

const answers = [
  [], [undefined], [null], [NaN], [Infinity], [-0], [1e300], [2 ** 53], [2 ** 64], [-(2 ** 63)], [0.1], [""], ["😀".repeat(20000)], [[]], [{}],
  [{ _placeholder: true, num: 0 }], [{ _placeholder: true, num: "x" }], [{ type: "Buffer", data: [1] }],
  [{ "": 1, __proto__: 2, constructor: 3, toJSON: 4, then: 5 }], [JSON.parse('{"__proto__":{"a":1},"toString":null,"valueOf":0,"hasOwnProperty":1}')],
  [bytes(0)], [bytes(70000)], [Array.from({ length: 9 }, (_, i) => bytes(i))], [new Date(0)], [1, 2], [bytes(1), bytes(2)], [Array.from({ length: 70000 }, () => 0)],
  [Object.fromEntries(Array.from({ length: 70000 }, (_, i) => [i, i]))], [nested(40)],
];

function nested(depth) {
  let x = 1;
  for (let i = 0; i < depth; i++) x = i % 2 ? [x] : { x };
  return x;
}

// What JSON makes of a value on its way to the server.
function asSent(value) {
  const attachments = [];
  const cut = (x) => {
    if (ArrayBuffer.isView(x)) return { cut: attachments.push(x) - 1 };
    if (Array.isArray(x)) return x.map(cut);
    if (x && typeof x === "object" && !(x instanceof Date)) return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, cut(v)]));
    return x;
  };
  const paste = (x) => {
    if (Array.isArray(x)) return x.map(paste);
    if (x && typeof x === "object") return Object.keys(x).join() === "cut" ? attachments[x.cut] : Object.fromEntries(Object.entries(x).map(([k, v]) => [k, paste(v)]));
    return x;
  };
  const bare = JSON.parse(JSON.stringify(cut(value)) ?? "null");
  return attachments.length ? paste(bare) : bare;
}

async function back() {
  let round = 0;
  clients[0].on("question", (answer) => answer(...answers[round]));
  for (; round < answers.length; round++) {
    const [want] = answers[round];
    for (const [i, control] of controls.entries()) {
      if (i === 0 || !clients[0].connected) continue;
      const { ok, result, error } = await control.timeout(20_000).emitWithAck("order", { do: "ask", to: [clients[0].id], within: 3000 }, "question");
      if (!ok) return `answer ${round} to server ${i}: ${error.message}`;
      if (!result.complete) return `answer ${round} never comes to server ${i}`;
      if (text(result.answers[0] ?? null) !== text(asSent(want ?? null))) return `answer ${round} to server ${i}: ${short(text(result.answers[0]))}, not ${short(text(asSent(want ?? null)))}`;
    }
  }
  for (const [i, control] of controls.entries()) { // and everybody still knows everybody
    const { ok, result, error } = await control.timeout(20_000).emitWithAck("order", { do: "fetch" });
    if (!ok) return `server ${i}: ${error.message}`;
    if (result.length !== clients.length || result.some(({ auth }) => text(auth.odd) !== text(odd))) return `server ${i} finds ${text(result)}`;
    const last = `the last of ${i}`;
    await control.timeout(20_000).emitWithAck("order", { do: "emit" }, last);
    for (const [j, site] of sites.entries()) await site.next(clients[j], last);
  }
  return null;
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "end") break;
  report({ difference: await (line === "back" ? back() : compare(Number(line))).catch((error) => String(error?.stack ?? error)) });
}
process.exit(0);
