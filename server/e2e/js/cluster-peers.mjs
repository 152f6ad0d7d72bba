// What clients see of a cluster, whichever server does what: node cluster-peers.mjs
// '{"peers":[{"url":…,"node":true}…],"wire":…,"redis":port}'. Each operation starts at each of the servers, and each has
// clients of its own. Reports {scenario, error} for each scenario, and {done} at the end.
import { createClient } from "redis";
import { Emitter } from "@socket.io/redis-emitter";
import { io } from "socket.io-client";
import { Clients, bytes, pause, plain, same, until } from "./clients.mjs";
import { report } from "./report.mjs";

const { peers, wire, redis } = JSON.parse(process.argv[2]);
const values = [
  null, true, false, 0, -1, 1.5, -0.25, 127, 128, 65536, 4294967296, -2147483649, 9007199254740991, 1e-7, "",
  "text", "é😀\u2028\u0000\"\\</script>", [], {}, [null, [[]], { a: {} }], { a: 1, b: [true, null, "x"], "": 0, constructor: 1, "ключ": "значение" },
  "x".repeat(300), Array.from({ length: 20 }, (_, i) => i), Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i])),
];
const binaries = [bytes(0), bytes(1), bytes(300), { deep: [1, { "ключ": bytes(3) }], text: "x" }]; // clients take ten attachments at once, of six answers
const manyBinaries = [{ a: bytes(2), b: { c: [bytes(3), "and", bytes(4)] } }, [bytes(5), null, bytes(6)]];

// A Site is one server, with two clients in / and one in /custom.
class Site {
  async open({ url, node }, number) {
    this.node = node;
    this.name = `s${number}`;
    this.clients = new Clients({ url, mode: "websocket", io });
    const open = (namespace, name) => this.clients.open(namespace, {
      auth: { name }, query: { color: `color of ${name}` }, extraHeaders: { "X-Agent": name },
    });
    this.control = await open("/control", `control ${number}`);
    this.members = [await open("/", `${this.name}a`), await open("/", `${this.name}b`)];
    this.custom = await open("/custom", `${this.name}c`);
    for (const socket of [...this.members, this.custom]) {
      socket.on("question", (x, answer) => answer(x));
      socket.on("empty", (answer) => answer());
      socket.on("who", (answer) => answer(socket.auth.name));
      socket.on("most", (answer) => number > 0 && answer(number));
    }
    return this;
  }

  // order makes the server do something, and returns its result.
  async order(what, order = {}, ...args) {
    const reply = await this.control.timeout(20_000).emitWithAck("order", { do: what, ...order }, ...args);
    if (!reply.ok) throw new Error(`${this.name}: ${what} ${JSON.stringify(order)}: ${reply.error.message}`);
    return reply.result;
  }

  emit(order, ...args) {
    return this.order("emit", order, ...args);
  }
}

const sites = await Promise.all(peers.map((peer, i) => new Site().open(peer, i)));
const everybody = sites.flatMap(({ members }) => members);
const customs = sites.map(({ custom }) => custom);
const siteOf = (socket) => sites.find(({ members, custom }) => members.includes(socket) || custom === socket);
const next = (socket, event) => siteOf(socket).clients.next(socket, event);
const count = (socket, event) => siteOf(socket).clients.count(socket, event);
const nameOf = (socket) => socket.auth.name;
let serial = 0;

// fence returns when everything that a server has sent before has arrived, wherever it was to arrive.
async function fence(from, sockets = everybody) {
  const event = `fence ${serial++}`;
  await from.emit({ namespace: sockets[0].nsp }, event);
  await Promise.all(sockets.map((socket) => next(socket, event)));
}

// reaches checks that an event comes to these sockets, once, and to no others.
async function reaches(from, order, sockets, ...args) {
  const event = `event ${serial++}`;
  await from.emit(order, event, ...args);
  const all = order.namespace === "/custom" ? customs : everybody;
  for (const socket of sockets) same(await next(socket, event), args, `${JSON.stringify(order)} from ${from.name} to ${nameOf(socket)}`);
  await fence(from, all);
  for (const socket of all) same(count(socket, event), 0, `${JSON.stringify(order)} from ${from.name}: more of it at ${nameOf(socket)}`);
}

// known waits until what is sent to a room reaches exactly these sockets from everywhere: others learn of a room a moment later.
async function known(room, members) {
  for (const from of sites) {
    const wanted = members.map(nameOf).sort();
    let got = [];
    for (const began = performance.now(); JSON.stringify(got) !== JSON.stringify(wanted); await pause(5)) {
      if (performance.now() - began > 10_000) throw new Error(`${room} from ${from.name} reaches ${got}, not ${wanted}`);
      const event = `probe ${serial++}`;
      await from.emit({ to: [room] }, event);
      await fence(from);
      got = everybody.filter((socket) => count(socket, event) > 0).map(nameOf).sort();
    }
  }
}

async function enter(room, sockets) {
  await Promise.all(sockets.map((socket) => socket.emitWithAck("join", room)));
  await known(room, sockets);
}

const sorted = (list) => list.map((x) => JSON.stringify(plain(x))).sort();
const each = async (list, f) => {
  for (const [i, x] of list.entries()) await f(x, i);
};

const scenarios = {
  "every value": () => each(sites, async (from) => {
    const all = [...values, ...binaries, ...manyBinaries];
    for (const x of all) from.emit({}, "value", x, 7, x);
    for (const socket of everybody) {
      for (const x of all) same(await next(socket, "value"), [x, 7, x], `value from ${from.name} at ${nameOf(socket)}`);
    }
    await reaches(from, {}, everybody);
    await reaches(from, {}, everybody, ...values.slice(0, 9));
    await reaches(from, { volatile: true }, everybody, "volatile", bytes(3));
    await reaches(from, { uncompressed: true }, everybody, "uncompressed");
  }),

  "namespaces": () => each(sites, async (from) => {
    await reaches(from, { namespace: "/custom" }, customs, "custom", bytes(3));
    await fence(from);
    for (const socket of everybody) same(count(socket, "custom"), 0, "of another namespace");
  }),

  "rooms": async () => {
    const [a, b, c] = sites.map(({ members }) => members);
    await enter("one", [a[0], b[0], c[0]]);
    await enter("two", [b[0], b[1]]);
    await enter("lonely", [c[1]]);
    await enter("7", [a[1]]);
    await each(sites, async (from) => {
      await reaches(from, { to: ["one"] }, [a[0], b[0], c[0]], "in one", bytes(3));
      await reaches(from, { to: ["one", "two"] }, [a[0], b[0], c[0], b[1]], "once");
      await reaches(from, { to: ["one"], except: ["two"] }, [a[0], c[0]], "one without two");
      await reaches(from, { except: ["one"] }, [a[1], b[1], c[1]], "without one");
      await reaches(from, { except: ["one", "two", "nobody"] }, [a[1], c[1]]);
      await reaches(from, { to: ["lonely"], volatile: true }, [c[1]], "lonely");
      await reaches(from, { to: ["7"] }, [a[1]], "seven");
      await reaches(from, { to: ["nobody"] }, []);
      for (const socket of everybody) await reaches(from, { to: [socket.id] }, [socket], "own", bytes(2));
      await reaches(from, { to: ["one"], except: [b[0].id] }, [a[0], c[0]]);
      await reaches(from, { local: true }, from.members, "local");
      await reaches(from, { to: ["one"], local: true }, [from.members[0]], "local room");
    });
    await b[0].emitWithAck("leave", "one");
    await known("one", [a[0], c[0]]);
  },

  "odd names of rooms": async () => {
    const [a, b, c] = sites.map(({ members }) => members[0]);
    for (const room of ["a#b", "*", "a?b", "[ab]", "{tag}", "é😀", "x".repeat(200), "exactly twenty chars", "1.5", "\\", "one two#/#", "-"]) {
      await enter(room, [a, c]);
      await each(sites, (from) => reaches(from, { to: [room] }, [a, c], room));
      await Promise.all([a, c].map((socket) => socket.emitWithAck("leave", room)));
      await enter(room, [b]);
      await b.emitWithAck("leave", room);
    }
  },

  "clients to the others": async () => {
    const [a, b, c] = sites.map(({ members }) => members[1]);
    await enter("mates", [a, b, c]);
    for (const sender of [a, b, c]) {
      const from = siteOf(sender);
      for (const [room, others] of [["", everybody], ["mates", [a, b, c]]]) {
        const event = `spread ${serial++}`;
        sender.emit("spread", room, event, nameOf(sender), bytes(2));
        for (const socket of others) if (socket !== sender) same(await next(socket, event), [nameOf(sender), bytes(2)], event);
        await fence(from);
        for (const socket of everybody) same(count(socket, event), 0, `${event} of ${nameOf(sender)} at ${nameOf(socket)}`);
      }
    }
    for (const socket of [a, b, c]) await socket.emitWithAck("leave", "mates");
  },

  "acknowledgements": () => each(sites, async (from) => {
    for (const x of [...values, ...binaries]) {
      const { answers, complete } = await from.order("ask", { within: 5000 }, "question", x);
      same([sorted(answers), complete], [sorted(everybody.map(() => x)), true], `answers to ${from.name} about ${JSON.stringify(plain(x))}`);
    }
    const who = await from.order("ask", { within: 5000 }, "who");
    same([sorted(who.answers), who.complete], [sorted(everybody.map(nameOf)), true], "who");
    const empty = await from.order("ask", { within: 5000 }, "empty");
    same([empty.answers.length, empty.complete], [everybody.length, true], "empty answers");
    const nobody = await from.order("ask", { to: ["nobody"], within: 5000 }, "who");
    same(nobody, { answers: [], complete: true }, "nobody's answers");
    for (const socket of everybody) {
      const one = await from.order("ask", { to: [socket.id], within: 5000 }, "who");
      same(one, { answers: [nameOf(socket)], complete: true }, "one answer");
    }
    const most = await from.order("ask", { within: 500 }, "most");
    same([sorted(most.answers), most.complete], [[1, 1, 2, 2].map(String), false], "those that answer");
  }),

  "fetch": () => each(sites, async (from) => {
    const all = await from.order("fetch");
    const seen = (list) => list.map(({ id, name, auth, color, agent }) => [id, name, auth.name, color, agent]);
    const expected = (list) => list.map((socket) => [socket.id, nameOf(socket), nameOf(socket), `color of ${nameOf(socket)}`, nameOf(socket)]);
    same(sorted(seen(all)), sorted(expected(everybody)), "all sockets");
    same(sorted(seen(await from.order("fetch", { local: true }))), sorted(expected(from.members)), "local sockets");
    for (const socket of everybody) same(seen(await from.order("fetch", { to: [socket.id] })), expected([socket]), "one socket");
    same(await from.order("fetch", { to: ["nobody"] }), [], "nobody's sockets");
    same(sorted(seen(await from.order("fetch", { namespace: "/custom" }))), sorted(expected(customs)), "sockets of /custom");
  }),

  "join and leave": () => each(sites, async (from, i) => {
    const rooms = async (at, order) => Object.fromEntries((await at.order("fetch", order)).map(({ name, rooms }) => [name, rooms.filter((r) => r.startsWith("j")).sort()]));
    const eventually = async (order, wanted, what) => {
      for (const at of sites) {
        let got;
        for (const began = performance.now(); JSON.stringify(sorted([got ?? 0])) !== JSON.stringify(sorted([wanted])); await pause(5)) {
          if (performance.now() - began > 10_000) return same(got, wanted, `${what} by ${from.name} as ${at.name} sees it`);
          got = Object.fromEntries(Object.entries(await rooms(at, order)).sort());
        }
      }
    };
    const all = (list) => Object.fromEntries(everybody.map((socket) => [nameOf(socket), list]).sort());
    const other = sites[(i + 1) % sites.length].members[0];
    await from.order("join", { rooms: ["j1", "j2"] });
    await eventually({}, all(["j1", "j2"]), "joined");
    await known("j1", everybody);
    await from.order("leave", { rooms: ["j2"] });
    await eventually({}, all(["j1"]), "left");
    await from.order("join", { to: [other.id], rooms: ["j3"] });
    await eventually({ to: ["j3"] }, { [nameOf(other)]: ["j1", "j3"] }, "one joined");
    await from.order("join", { to: ["j1"], except: ["j3"], rooms: ["j4"] });
    await eventually({ to: ["j4"] }, Object.fromEntries(Object.entries(all(["j1", "j4"])).filter(([name]) => name !== nameOf(other))), "the others joined");
    await known("j3", [other]);
    await reaches(from, { to: ["j3"] }, [other], "after the join");
    await from.order("leave", { to: ["j3"], rooms: ["j3"] });
    await eventually({ to: ["j3"] }, {}, "one left");
    await from.order("leave", { rooms: ["j1", "j4"] });
    await eventually({}, all([]), "all left");
  }),

  "server-side events": () => each(sites, async (from) => {
    const others = sites.filter((site) => site !== from);
    await from.order("tell", {}, "told", 1, "two", { three: [3] });
    for (const site of others) same(await site.clients.next(site.control, "told"), ["/", 1, "two", { three: [3] }], "told");
    await from.order("tell", { namespace: "/custom" }, "told", "custom");
    for (const site of others) same(await site.clients.next(site.control, "told"), ["/custom", "custom"], "told in /custom");
    for (const x of values) {
      const { answers, complete } = await from.order("ask-servers", {}, "question", x);
      same([sorted(answers), complete], [sorted(others.map(() => x)), true], `servers' answers to ${from.name}`);
    }
    same(from.clients.count(from.control, "told"), 0, "own server-side events");
    if (!from.node) { // Node waits five seconds, whatever it is told
      const { answers, complete } = await from.order("ask-servers", { within: 300 }, "silence");
      same([answers, complete], [[], false], "silent servers");
    }
  }),

  "how many servers": () => each(sites, async (from) => same(await from.order("count"), sites.length, `servers as ${from.name} sees it`)),

  "all rooms": async () => {
    if (wire !== "classic") return;
    for (const from of sites) {
      if (!from.node) continue;
      const all = await from.order("rooms");
      for (const socket of everybody) if (!all.includes(socket.id)) throw new Error(`${from.name} does not know the room of ${nameOf(socket)}: ${all}`);
    }
  },

  "order of a burst": async () => {
    const most = 300;
    await enter("burst", everybody);
    await Promise.all(sites.map(async (from) => {
      for (let i = 0; i < most; i++) from.emit(i % 3 === 1 ? { to: ["burst"] } : {}, "burst", from.name, i, i % 5 ? "text" : bytes(3, i));
    }));
    for (const socket of everybody) {
      const due = Object.fromEntries(sites.map(({ name }) => [name, 0]));
      for (let n = 0; n < most * sites.length; n++) {
        const [name, i] = await next(socket, "burst");
        same(i, due[name]++, `burst of ${name} at ${nameOf(socket)}`);
      }
    }
    for (const socket of everybody) await socket.emitWithAck("leave", "burst");
  },

  "the emitter": async () => {
    if (wire !== "classic") return;
    const client = await createClient({ url: `redis://127.0.0.1:${redis}` }).connect();
    try {
      await emitterReaches(new Emitter(client));
    } finally {
      await client.close();
    }
  },

  "disconnect": () => each(sites, async (from) => {
    const guests = await Promise.all(sites.map((site) => site.clients.open("/")));
    await Promise.all(guests.map((socket) => socket.emitWithAck("join", "leaving")));
    await from.order("disconnect", { to: ["leaving"], except: [guests[0].id] });
    await Promise.all(guests.slice(1).map((socket) => until(() => !socket.connected, "the end")));
    same(guests[0].connected, true, "who was left out");
    const custom = guests[0].io.socket("/custom");
    await until(() => custom.connected, "/custom");
    await from.order("disconnect", { to: [guests[0].id], close: true });
    await until(() => !guests[0].connected && !custom.connected, "the end of the connection");
    same([await from.order("fetch", { to: ["leaving"] }), everybody.every(({ connected }) => connected)], [[], true], "who is there");
  }),
};

async function emitterReaches(emitter) {
  const [a, b, c] = sites.map(({ members }) => members[0]);
  await enter("mail", [a, b]);
  const check = async (send, sockets, ...args) => {
    const event = `mail ${serial++}`;
    send(event, ...args);
    for (const socket of sockets) same(await next(socket, event), args, `${event} at ${nameOf(socket)}`);
    const end = `end ${serial++}`;
    emitter.emit(end);
    for (const socket of everybody) await next(socket, end);
    for (const socket of everybody) same(count(socket, event), 0, `more of ${event} at ${nameOf(socket)}`);
  };
  await check((...args) => emitter.emit(...args), everybody, "all", { data: bytes(3) }, [1, 2.5, null]);
  await check((...args) => emitter.to("mail").emit(...args), [a, b], "in a room");
  await check((...args) => emitter.to("mail").to(c.id).except(a.id).volatile.emit(...args), [b, c], "rooms without one");
  await check((...args) => emitter.compress(false).to(c.id).emit(...args), [c]);
  emitter.of("/custom").emit("mail", "custom");
  for (const socket of customs) same(await next(socket, "mail"), ["custom"], "mail in /custom");
  emitter.socketsJoin("mailed");
  await known("mailed", everybody);
  emitter.in("mail").socketsLeave("mailed");
  await known("mailed", everybody.filter((socket) => socket !== a && socket !== b));
  emitter.serverSideEmit("told", "mail", 7);
  for (const site of sites) same(await site.clients.next(site.control, "told"), ["/", "mail", 7], "told by the emitter");
  const guests = await Promise.all(sites.map((site) => site.clients.open("/custom")));
  for (const guest of guests) emitter.of("/custom").in(guest.id).disconnectSockets(true);
  await Promise.all(guests.map((socket) => until(() => !socket.connected, "the end")));
  emitter.socketsLeave(["mail", "mailed"]);
}

for (const [scenario, play] of Object.entries(scenarios)) {
  const began = performance.now();
  let error = null;
  try {
    if (sites.some(({ control }) => !control.connected)) throw new Error("a scenario before has cost a connection");
    await play();
  } catch (cause) {
    error = String(cause?.stack ?? cause);
  }
  report({ scenario, error, ms: Math.round(performance.now() - began) });
}
for (const { clients } of sites) clients.close();
report({ done: true });
process.exit(0);
