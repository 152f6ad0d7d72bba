// People who edit one text at once, with official clients that lose their connections:
// node documents.mjs '{"urls":[…],"editors":…,"operations":…,"seed":…}'. Each makes random operations on whatever its copy
// is, until the document has had so many; half of them ask for acknowledgements. Then they report {"version","recovered",
// "fresh","stale","unavailable","trouble"}, for a line "init" on standard input what somebody gets who comes to each of the servers,
// {"inits"}, and for a line with a version, when all have it, {"copies"}. Of several servers each editor is at one and
// comes back to any.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { report } from "./report.mjs";

const { urls, editors, operations, seed } = JSON.parse(process.argv[2]);
const documentId = "shared";
const trouble = [];
let recovered = 0, fresh = 0, stale = 0, unavailable = 0, running = true;

// A generator that a seed repeats (mulberry32).
let state = seed;
function random(n) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % n;
}

function splits(text, at) {
  return at > 0 && at < text.length && (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}

class Editor {
  text = "";
  version = -1; // no copy
  waiting = new Map(); // by version: changes that have come before their turn

  constructor(number) {
    this.asks = number % 2 === 0;
    this.socket = io(urls[number % urls.length], {
      forceNew: true, transports: ["websocket"], auth: { userId: `u${number}`, username: `U${number}` },
      reconnectionDelay: 1, reconnectionDelayMax: 20,
    });
    this.socket.on("connect", () => {
      if (this.socket.recovered) recovered++;
      else {
        fresh++;
        this.reopen();
      }
    });
    this.socket.on("document-init", ({ content, version }) => {
      if (version < this.version) return trouble.push(`version ${version} after ${this.version}`);
      this.text = content;
      this.version = version;
      this.follow();
    });
    this.socket.on("document-update", (change) => this.learn(change));
    this.socket.on("error", ({ code }) => this.refused(code));
  }

  // reopen asks for the whole text; what follows is of later versions.
  reopen() {
    this.socket.emit("document-open", { documentId });
  }

  // Without an open document there was a cut in between, and what waited for its turn then is unavailable; with a stale
  // version the text comes by itself.
  refused(code) {
    if (code === "stale") stale++;
    if (code === "unavailable") unavailable++;
    if (code !== "not_open" && code !== "stale" && code !== "unavailable") trouble.push(`refused: ${code}`);
  }

  learn(change) {
    this.waiting.set(change.version, change.operation);
    this.follow();
  }

  follow() {
    for (const version of this.waiting.keys()) if (version <= this.version) this.waiting.delete(version);
    if (this.version < 0) return;
    for (let op; (op = this.waiting.get(this.version + 1)); ) {
      this.waiting.delete(++this.version);
      const from = op.position ?? op.from;
      const to = op.position ?? op.to;
      if (splits(this.text, from) || splits(this.text, to)) trouble.push(`an operation splits a character: ${JSON.stringify(op)}`);
      this.text = this.text.slice(0, from) + (op.text ?? "") + this.text.slice(to);
      if (!this.text.isWellFormed()) trouble.push("half a character");
    }
  }

  operation() {
    const place = (most) => {
      const at = random(most + 1);
      return splits(this.text, at) ? at - 1 : at;
    };
    const text = ["a", "bc", "😀", "é😀f"][random(4)];
    const position = place(this.text.length);
    if (this.text.length < 300 && random(2) > 0) return { type: "insert", position, text };
    let to = Math.min(this.text.length, position + random(5));
    if (splits(this.text, to)) to++;
    if (random(2) > 0) return { type: "replace", from: position, to, text };
    return { type: "delete", from: position, to };
  }

  async edit() {
    const { socket } = this;
    if (!socket.connected || this.version < 0) return;
    const update = { documentId, version: this.version, operation: this.operation() };
    if (this.version > 1500 && random(100) === 0) update.version -= 1500; // too old: the whole text comes
    if (!this.asks) return void socket.emit("document-update", update);
    try {
      const reply = await socket.timeout(1000).emitWithAck("document-update", update);
      if (reply.ok) this.learn(reply);
      else this.refused(reply.error.code);
    } catch { // cut off: whether it was accepted, the whole text tells
      if (socket.connected) this.reopen();
      else socket.once("connect", () => this.reopen());
    }
  }

  cut() {
    this.socket.io.uri = urls[random(urls.length)];
    if (random(3) > 0) this.socket.io.engine?.close(); // to come back as the same
    else this.socket.disconnect().connect();
  }
}

const all = Array.from({ length: editors }, (_, i) => new Editor(i));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const pending = new Set();

while (running) {
  for (const editor of all) {
    for (let n = random(4); n > 0; n--) {
      const edit = editor.edit();
      pending.add(edit);
      edit.finally(() => pending.delete(edit));
    }
    if (random(60) === 0) editor.cut();
  }
  await pause(1 + random(3));
  if (pending.size > 20) await Promise.all(pending); // who writes faster than it reads falls too far behind
  running = Math.max(...all.map(({ version }) => version)) < operations;
}
await Promise.all(pending);
report({ version: Math.max(...all.map(({ version }) => version)), recovered, fresh, stale, unavailable, trouble: trouble.slice(0, 5) });

async function initial(url) {
  const socket = io(url, { forceNew: true, auth: { userId: "reader", username: "Reader" } });
  const init = new Promise((done) => socket.once("document-init", done));
  socket.emit("document-open", { documentId });
  const { version, content } = await init;
  socket.disconnect();
  return { version, content };
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "init") {
    report({ inits: await Promise.all(urls.map(initial)) });
    continue;
  }
  const last = Number(line);
  for (let round = 0; all.some(({ version }) => version < last); round++) {
    if (round % 50 === 49) for (const editor of all) if (editor.socket.connected) editor.reopen();
    await pause(10);
  }
  report({ copies: all.map(({ text }) => text), trouble: trouble.slice(0, 5) });
}
process.exit(0);
