// Clients that lose the connection to one server of a cluster and come back to another, while all servers send:
// node recover-elsewhere.mjs '{"peers":[{"url":…,"node":true,"relay":…}…],"ms":…}'. A relay does not tell the server that a client has
// gone without a word. Each server numbers what it sends to all, to a
// room, and to the client; a client that has recovered must go on where it was. Reports {recovered, fresh, trouble}; the first
// two count by directions.
import { io } from "socket.io-client";
import { Clients, pause, until } from "./clients.mjs";
import { report } from "./report.mjs";

const { peers, ms } = JSON.parse(process.argv[2]);
const sites = await Promise.all(peers.map(async ({ url, node, relay }) => {
  const clients = new Clients({ url, mode: "websocket", io });
  return { url, way: relay ?? url, kind: node ? "node" : "own", clients, control: await clients.open("/control"), steady: await clients.open("/") };
}));
const own = sites.filter(({ kind }) => kind === "own");
const sum = { recovered: {}, fresh: {}, trouble: [] };
let state = 5;
const random = (n) => (state = (state * 48271) % 0x7fffffff) % n;

// A Traveller is at one site and goes to another.
class Traveller {
  last = {}; // by what is counted
  moving = false;

  async open(site) {
    this.site = site;
    this.socket = io(site.way, { transports: ["websocket"], forceNew: true, reconnectionDelay: 1, reconnectionDelayMax: 20 });
    this.socket.on("connect", () => {
      const direction = `${this.from?.kind} to ${this.site.kind}`;
      if (!this.from) return;
      if (this.socket.recovered) {
        sum.recovered[direction] = (sum.recovered[direction] ?? 0) + 1;
        if (this.socket.id !== this.id) sum.trouble.push(`${direction}: recovered with another id`);
      } else {
        sum.fresh[direction] = (sum.fresh[direction] ?? 0) + 1;
        this.last = {};
        this.socket.emit("join", "room", () => {});
      }
      this.id = this.socket.id;
    });
    this.socket.on("count", (what, n) => {
      const due = (this.last[what] ?? n - 1) + 1;
      if (n !== due) sum.trouble.push(`${this.from?.kind} to ${this.site.kind}: ${what}: ${n} instead of ${due}`);
      this.last[what] = n;
    });
    await until(() => this.socket.connected, "a client");
    await this.socket.emitWithAck("join", "room");
    this.id = this.socket.id; // which stays
    return this;
  }

  // leave cuts the connection, without a word, of which the server then hears nothing, or with one.
  leave(to) {
    [this.from, this.site] = [this.site, to];
    this.socket.io.uri = to.way;
    const { engine } = this.socket.io;
    this.socket.io.reconnection(true);
    if (random(2)) engine.transport.ws.terminate?.();
    else engine.close();
  }

  back() {
    return until(() => this.socket.connected, `the way from ${this.from.kind} to ${this.site.kind}`);
  }
}

const counters = {};
async function send(site, i, to, name) {
  const what = `${name} from ${i}`;
  const n = (counters[what] = (counters[what] ?? -1) + 1);
  await site.control.timeout(10_000).emitWithAck("order", { do: "emit", to }, "count", what, n);
}

// load has all servers send until it is called off; what it returns then resolves when all has arrived at servers.
function load() {
  let on = true;
  const all = sites.map(async (site, i) => {
    while (on) {
      const sent = [send(site, i, [], "all"), send(site, i, ["room"], "room")];
      for (const traveller of travellers) if (random(8) === 0) sent.push(send(site, i, [traveller.id], `own of ${traveller.number}`));
      await Promise.all(sent);
      await pause(random(4));
    }
  });
  return async () => {
    on = false;
    await Promise.all(all);
    for (const [i, from] of sites.entries()) { // and passed on
      const event = `fence ${Object.keys(fences).length}`;
      fences[event] = true;
      await from.control.timeout(10_000).emitWithAck("order", { do: "emit" }, event);
      await Promise.all(sites.map(({ clients, steady }) => clients.next(steady, event)));
    }
  };
}
const fences = {};

const travellers = await Promise.all(Array.from({ length: 8 }, (_, i) => new Traveller().open(sites[i % sites.length])));
for (const [i, traveller] of travellers.entries()) traveller.number = i;
const elsewhere = (traveller, list) => {
  const others = list.filter((site) => site !== traveller.site);
  return others[random(others.length)];
};

// From ours to ours, while all send.
let stop = load();
const ours = travellers.filter(({ site }) => site.kind === "own");
const end = performance.now() + ms;
await Promise.all(ours.map(async (traveller) => {
  while (performance.now() < end) {
    traveller.leave(elsewhere(traveller, own));
    await pause(random(60));
    await traveller.back();
    await pause(random(60));
  }
}));
await stop();
// From any to any. Node's gives its clients the events of its own out of the order of the others', and hands out twice
// what comes while a client comes back, so nothing is sent when one goes or comes.
for (let round = 0; round < 4; round++) {
  for (const { socket } of travellers) socket.io.reconnection(false);
  for (const traveller of travellers) {
    traveller.to = elsewhere(traveller, sites);
    traveller.socket.io.engine.close();
  }
  await until(() => travellers.every(({ socket }) => !socket.connected), "the end of all connections");
  stop = load();
  await pause(100);
  await stop();
  for (const traveller of travellers) {
    [traveller.from, traveller.site] = [traveller.site, traveller.to];
    traveller.socket.io.uri = traveller.to.way;
    traveller.socket.io.reconnection(true);
    traveller.socket.connect();
  }
  await Promise.all(travellers.map((traveller) => traveller.back()));
  stop = load();
  await pause(50);
  await stop();
}
await pause(50);
for (const { number, last, site } of travellers) {
  for (const what in counters) {
    if (what.startsWith("own of") && !what.startsWith(`own of ${number} `)) continue;
    await until(() => last[what] === counters[what], `${what} at ${site.kind}: ${last[what]} of ${counters[what]}`).catch((error) => sum.trouble.push(error.message));
  }
}
report({ ...sum, trouble: sum.trouble.slice(0, 10) });
process.exit(0);
