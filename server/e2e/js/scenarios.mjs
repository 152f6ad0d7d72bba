// What the official client must see, as functions that run in Node and in a browser alike.
import { Clients, bytes, plain, same, within } from "./clients.mjs";
import { deflate } from "./deflate.mjs";
import { delivery } from "./delivery.mjs";
import { endings } from "./endings.mjs";
import { namespaces } from "./namespaces.mjs";

const connection = {
  async "connect with auth: the reply comes first, then what the connect handler emits"(clients) {
    const socket = clients.create("/", { auth: { token: "t", list: [1, "zwei", null] } });
    const order = [];
    socket.on("connect", () => order.push("connect"));
    socket.on("welcome", () => order.push("welcome"));
    const [welcome] = await clients.next(socket, "welcome");
    same(order, ["connect", "welcome"], "order of connect and welcome");
    same(welcome, { id: socket.id, auth: { token: "t", list: [1, "zwei", null] } }, "welcome");
    if (socket.id === socket.io.engine.id) throw new Error("the public id is the secret session id");
  },

  async "auth is an empty object when the client gives none"(clients) {
    const socket = clients.create();
    same((await clients.next(socket, "welcome"))[0].auth, {}, "auth");
  },

  async "query of the handshake"(clients, { mode }) {
    const socket = await clients.open("/", { query: { color: "blau & grün" } });
    // The official client gives none to a WebTransport.
    same(await socket.emitWithAck("query"), mode === "webtransport" ? "" : "blau & grün", "query");
  },

  async "middleware and unknown namespaces: connect_error texts and data"(clients, { old }) {
    const refused = async (namespace, auth) => {
      const socket = clients.create(namespace, { auth });
      const [error] = await clients.next(socket, "connect_error");
      if (!old) same(socket.active, false, "active after a refusal");
      return [error.message, error.data];
    };
    same(await refused("/nowhere"), ["Invalid namespace", undefined], "unknown namespace");
    same(await refused("/nowhere?a=1"), ["Invalid namespace", undefined], "unknown namespace with a query");
    same(await refused("/guarded"), ["not allowed", { code: 401, hint: "a <token> & more" }], "error with data");
    same(await refused("/guarded", { token: "plain" }), ["go away", undefined], "error without data");
    same((await refused("/guarded", { token: "private" }))[0], "Internal error", "private error");
  },

  async "a slow middleware: events wait for the reply"(clients) {
    const socket = clients.create("/guarded", { auth: { token: "slow" } });
    socket.emit("echo", "early");
    same(await clients.next(socket, "echo"), ["early"], "echo");
  },

  async "a refused namespace leaves the others of the connection alone"(clients) {
    const main = await clients.open();
    const guarded = clients.adopt(main.io.socket("/guarded", {}));
    await clients.next(guarded, "connect_error");
    same(await main.emitWithAck("ack", "still here"), "still here", "ack on the main namespace");
  },

  async "namespaces share a connection, are left and joined again"(clients) {
    const main = await clients.open();
    const custom = clients.adopt(main.io.socket("/custom", { auth: { who: "c" } }));
    same((await clients.next(custom, "auth"))[0], { who: "c" }, "auth of the second namespace");
    if (custom.io.engine !== main.io.engine) throw new Error("a second connection was opened");
    if (custom.id === main.id) throw new Error("both namespaces have the same id");

    const first = custom.id;
    custom.disconnect();
    same(await main.emitWithAck("reason-of", first), "client namespace disconnect", "reason");
    custom.connect();
    await clients.next(custom, "auth");
    if (custom.id === first) throw new Error("the id was used again");
    custom.emit("echo", 1);
    same(await clients.next(custom, "echo"), [1], "echo after joining again");
    same(main.connected, true, "main namespace connected");
  },

  async "many clients at once"(clients, { crowd }) {
    const sockets = await Promise.all(Array.from({ length: crowd }, () => clients.open()));
    same(new Set(sockets.map((s) => s.id)).size, crowd, "different ids");
    const replies = await Promise.all(sockets.map((s, i) => s.emitWithAck("ack", i)));
    same(replies, sockets.map((_, i) => i), "replies");
  },
};

const events = {
  async "values come back as they were"(clients, { parser }) {
    const socket = await clients.open();
    const values = [
      0, -1, 1.5, 2 ** 53 - 1, true, false, null, "", [], {}, [[[]]], { a: { b: [{ c: null }] } },
      "quote \" backslash \\ slash / <html> & \u2028\u2029", "control \u0000\u0001\u001e\u001f\u007f", "ünï 漢字 🙂🇦🇹",
      { "": 1, 'k"ey': 2, __proto__x: 3 }, { _placeholder: true, num: 0 }, { _placeholder: 1 },
      "42[\"echo\"]", "x".repeat(5000), Array.from({ length: 500 }, (_, i) => ({ i })),
    ];
    if (!parser) values.push(1e21, "half a pair \ud83d"); // notepack writes other ones
    for (const value of values) {
      socket.emit("echo", value);
      same((await clients.next(socket, "echo"))[0], value, "echo");
      same(await socket.emitWithAck("ack", value), value, "ack");
    }
  },

  async "event names of any kind"(clients) {
    const socket = await clients.open();
    socket.emit('odd "näme"\u2028', 1);
    same(await clients.next(socket, 'odd "näme"\u2028'), [1], "odd name");
    socket.emit(7, 2);
    same(await clients.next(socket, "seven"), [2], "number as name");
  },

  async "several arguments, both ways"(clients) {
    const socket = await clients.open();
    socket.emit("echo2", "a", { b: [1] });
    same(await clients.next(socket, "echo2"), ["a", { b: [1] }], "echo2");
    same(await new Promise((done) => socket.emit("ack2", 1, [2], (...args) => done(args))), [1, [2]], "ack2");
  },

  async "acknowledgements of the server: any number, in order, also empty"(clients) {
    const socket = await clients.open();
    const replies = [];
    const all = Array.from({ length: 100 }, (_, i) =>
      socket.emitWithAck("ack", i).then((reply) => replies.push(reply)));
    await Promise.all(all);
    same(replies, Array.from({ length: 100 }, (_, i) => i), "replies");
    same(await new Promise((done) => socket.emit("nothing", (...args) => done(args))), [], "empty ack");
    socket.emit("nothing");
    same(await socket.emitWithAck("ack", "after"), "after", "ack after an event without one");
  },

  async "acknowledgements of the client: asked from inside a handler"(clients) {
    const socket = await clients.open();
    socket.on("question", (x, answer) => answer({ twice: [x, x] }));
    const replies = await Promise.all([1, "two", { three: 3 }].map((x) => socket.emitWithAck("ask", x)));
    same(replies, [{ twice: [1, 1] }, { twice: ["two", "two"] }, { twice: [{ three: 3 }, { three: 3 }] }], "answers");
  },

  async "acknowledgements of a room: all of them, or those that came in time"(clients) {
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => clients.open()));
    const sorted = ({ answers, complete }) => ({ answers: plain(answers).map((x) => JSON.stringify(x)).sort(), complete });
    const want = (answers, complete) => sorted({ answers, complete });
    await Promise.all([a, b].map((socket) => socket.emitWithAck("join", "panel")));
    a.on("question", (x, answer) => answer({ a: x }));
    b.on("question", (x, answer) => answer({ b: x }));
    for (const question of ["text", bytes(3).buffer]) { // 2.x sees no other binary
      const result = await a.emitWithAck("ask-all", { room: "panel", question, within: 5000 });
      same(sorted(result), want([{ a: question }, { b: question }], true), "all answers");
    }
    await c.emitWithAck("join", "panel");
    let late;
    c.on("question", (x, answer) => (late = answer));
    const partial = await b.emitWithAck("ask-all", { room: "panel", question: 1, within: 1000 });
    same(sorted(partial), want([{ a: 1 }, { b: 1 }], false), "answers in time");
    late("too late");
    const none = await c.emitWithAck("ask-all", { room: "nobody is here", question: 1, within: 5000 });
    same(none, { answers: [], complete: true }, "an empty room");
    await Promise.all([a, b, c].map((socket) => socket.emitWithAck("leave", "panel")));
  },

  async "an answer that does not come, and one that comes too late"(clients) {
    const socket = await clients.open();
    let late;
    socket.on("silence", (answer) => (late = answer));
    same(await socket.emitWithAck("ask-in-vain"), "timeout", "outcome");
    late("too late");
    late("twice");
    same(await socket.emitWithAck("ack", 1), 1, "ack afterwards");
  },

  async "the client's own retries"(clients, { old }) {
    if (old) return;
    const socket = await clients.open("/", { retries: 2, ackTimeout: 2000 });
    const sent = 20;
    for (let i = 0; i < sent; i++) socket.emit("count", i);
    const result = await within(new Promise((done) => socket.emit("counted", (...args) => done(args))), 5000, "counted");
    same(result, [null, { counted: sent, misplaced: 0 }], "counted");
  },

  async "errors of handlers: in the ack, else as event"(clients) {
    const socket = await clients.open();
    const teapot = { code: "teapot", message: "short and stout" };
    const internal = { code: "internal", message: "Internal error" };
    same(await socket.emitWithAck("fail", "public"), { ok: false, error: teapot }, "public, ack");
    same(await socket.emitWithAck("fail", "private"), { ok: false, error: internal }, "private, ack");
    socket.emit("fail", "public");
    same(await clients.next(socket, "error"), [teapot], "public, event");
    socket.emit("fail", "private");
    same(await clients.next(socket, "error"), [internal], "private, event");
  },

  async "arguments of the wrong type are answered, never fatal"(clients) {
    const socket = await clients.open();
    same(await socket.emitWithAck("typed", { n: 1 }), 2, "right");
    for (const wrong of [{ n: "1" }, { n: 1.5 }, "text", 5, [1], new Uint8Array(3)]) {
      const reply = await socket.emitWithAck("typed", wrong);
      same([reply.ok, reply.error?.code], [false, "invalid"], `reply to ${JSON.stringify(plain(wrong))}`);
    }
    same((await socket.emitWithAck("typed")).error?.code, "invalid", "reply to no argument");
    socket.emit("typed", "wrong");
    same((await clients.next(socket, "error"))[0].code, "invalid", "error event");
  },

  async "binary both ways, nested"(clients) {
    const socket = await clients.open();
    const ten = Array.from({ length: 10 }, (_, i) => bytes(i, i));
    const values = [
      bytes(4), bytes(0), bytes(300_000), { a: [bytes(3), { b: bytes(5, 7) }], c: bytes(0), d: "text" }, ten,
      [{ _placeholder: 1, num: 0 }, bytes(2)],
    ];
    socket.on("question", (x, answer) => answer([x]));
    for (const value of values) {
      socket.emit("echo", value);
      same((await clients.next(socket, "echo"))[0], value, "echo");
      same(await socket.emitWithAck("ack", value), value, "ack");
      same(await socket.emitWithAck("ask", value), [value], "answer");
    }
    socket.emit("echo2", bytes(2), bytes(3, 9));
    same(await clients.next(socket, "echo2"), [bytes(2), bytes(3, 9)], "two arguments");
    socket.emit("echo", "text");
    same(await clients.next(socket, "echo"), ["text"], "text after binary");
  },

  async "messages of every size, whole and in order"(clients, { parser, old }) {
    const socket = await clients.open();
    const sizes = [1, 110, 111, 112, 113, 114, 115, 125, 126, 127, 4095, 4096, 65_521, 65_522, 65_535, 65_536];
    // Over polling MessagePack is base64, and clients before 4.5 do not heed maxPayload.
    sizes.push(old ? 100_000 : parser ? 700_000 : 900_000);
    for (const size of sizes) {
      socket.emit("echo", "z".repeat(size));
      socket.emit("echo", bytes(size % 250_000));
    }
    for (const size of sizes) {
      const [text] = await clients.next(socket, "echo");
      same([text.length, /^z+$/.test(text)], [size, true], "text");
      same((await clients.next(socket, "echo"))[0], bytes(size % 250_000), "binary");
    }
  },
};

export const scenarios = { connection, namespaces, events, delivery, endings };

// groupsOf are the groups of scenarios for a server with these settings.
const groupsOf = (groups, settings) => (settings.deflate ? ["deflate"] : Object.keys(groups));

// run runs every scenario of the groups in turn and gives each result to report.
export async function run({ report, more = scenarios, groups, ...settings }) {
  groups ??= groupsOf(more, settings);
  const chosen = groups.flatMap((group) => Object.entries({ ...scenarios, deflate, ...more }[group]))
    .filter(([name]) => !settings.only || name.includes(settings.only));
  await report({ scenarios: chosen.length });
  for (const [name, scenario] of chosen) {
    const clients = new Clients(settings);
    const start = performance.now();
    let error = null;
    try {
      await within(scenario(clients, settings), 60_000, "the scenario");
    } catch (cause) {
      error = String(cause?.stack ?? cause);
    }
    clients.close();
    await report({ name, error, ms: Math.round(performance.now() - start) });
  }
}
