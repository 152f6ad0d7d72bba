// What the client can be told to do otherwise. The server of these scenarios has more paths; see options_test.go.
import parser from "socket.io-msgpack-parser";
import { bytes, same, within } from "./clients.mjs";

export const options = {
  async "clients with either parser share rooms"(clients) {
    const [text, packed] = await Promise.all([clients.open(), clients.open("/", { parser })]);
    const all = [text, packed];
    for (const socket of all) await socket.emitWithAck("join", "mixed");
    const values = [
      { a: [1.5, -7, 2 ** 40, null, "ü", true], b: {} }, bytes(300), { list: [bytes(0), { deep: bytes(3) }] }, { _placeholder: true, num: 0 },
    ];
    for (const from of all) {
      for (const value of values) from.emit("cast", { self: true, to: ["mixed"] }, value);
      for (const to of all) for (const value of values) same((await clients.next(to, "cast"))[0], value, "cast");
    }
    // What JSON.stringify does with these, notepack does not.
    packed.emit("echo", [new Date(1700000000123), undefined, NaN, { gone: undefined }]);
    same((await clients.next(packed, "echo"))[0], ["2023-11-14T22:13:20.123Z", null, null, {}], "echo");
    // Beside binary only MessagePack can say what looks like a placeholder; nobody loses the connection over it.
    const odd = [{ _placeholder: true, num: 9 }, bytes(2)];
    packed.emit("cast", { self: true, to: ["mixed"] }, odd);
    same((await clients.next(packed, "cast"))[0], odd, "cast");
    same((await clients.next(text, "cast"))[0], [{ _placeholder: 1, num: 9 }, bytes(2)], "cast");
    for (const socket of all) same(await socket.emitWithAck("ack", 1), 1, "ack");
  },

  async "auth as a function, asked again for each connection"(clients) {
    let asked = 0;
    const socket = await clients.open("/", { auth: (answer) => answer({ n: ++asked }) });
    same((await clients.next(socket, "welcome"))[0].auth, { n: 1 }, "auth");
    socket.disconnect().connect();
    same((await clients.next(socket, "welcome"))[0].auth, { n: 2 }, "auth of the second connection");
  },

  async "namespaces share a connection unless told otherwise"(clients) {
    const [a, b, c] = [["/", false], ["/custom", false], ["/custom", true]].map(([nsp, forceNew]) =>
      clients.create(nsp, { forceNew, reconnection: true }));
    await Promise.all([a, b, c].map((socket) => clients.connected(socket)));
    same([a.io === b.io, b.io === c.io], [true, false], "shared");
    b.disconnect();
    same(await a.emitWithAck("ack", 1), 1, "ack on the connection that is left");
  },

  async "multiplex: false and further namespaces of one's own manager"(clients) {
    const a = await clients.open("/", { forceNew: false, multiplex: false });
    const b = await clients.open("/", { forceNew: false, multiplex: false });
    if (a.io === b.io) throw new Error("the connection is shared");
    const custom = clients.adopt(b.io.socket("/custom", { auth: { of: "b" } }));
    same((await clients.next(custom, "auth"))[0], { of: "b" }, "auth");
  },

  async "timeout: an answer in time, and one that is not"(clients) {
    const socket = await clients.open();
    same(await socket.timeout(5000).emitWithAck("ack", 1), 1, "in time");
    const late = await socket.timeout(20).emitWithAck("late").then(() => "none", (error) => error.message);
    same(late, "operation has timed out", "error");
    const [error] = await new Promise((done) => socket.timeout(20).emit("late", (...args) => done(args)));
    same(error.message, "operation has timed out", "error of the callback");
    same(await socket.emitWithAck("ack", 2), 2, "ack afterwards");
  },

  async "retries: sent again until acknowledged, handled each time, the order kept"(clients) {
    const socket = await clients.open("/", { retries: 3, ackTimeout: 150 });
    const answers = await Promise.all([
      new Promise((done) => socket.emit("late-at-first", (...args) => done(args))),
      new Promise((done) => socket.emit("count", 0, (...args) => done(args))),
    ]);
    same(answers[0][1] > 1, true, `handled ${answers[0][1]} times`);
    same([answers[0][0], answers[1]], [null, [null]], "answers");
  },

  async "retries: an event that nobody handles does not hold up the others"(clients) {
    const socket = await clients.open("/", { retries: 1, ackTimeout: 5000 });
    const [error, reply] = await within(new Promise((done) => socket.emit("nobody's", (...args) => done(args))), 2000, "the answer");
    same([error, reply.ok, reply.error.code], [null, false, "invalid"], "answer");
    same(await socket.emitWithAck("ack", "next"), "next", "the next event");
  },

  async "volatile: nothing waits for the connection"(clients) {
    const socket = clients.create();
    socket.volatile.emit("echo", "dropped");
    await clients.connected(socket);
    // On polling an event is dropped while a POST is under way, so it is sent until one arrives.
    await within((async () => {
      while (clients.count(socket, "echo") === 0) {
        socket.volatile.emit("echo", "kept");
        await socket.emitWithAck("ack", 0);
      }
    })(), 5000, "an echo");
    same([...new Set(clients.received(socket, "echo"))], ["kept"], "echoes");
  },

  async "a path without a slash at its end, and one with more behind it"(clients) {
    for (const more of [{ addTrailingSlash: false }, { path: "/socket.io/any/thing" }, { path: "/socket.io/any/thing", addTrailingSlash: false }]) {
      const socket = await clients.open("/", more);
      same(await socket.emitWithAck("ack", 1), 1, JSON.stringify(more));
    }
  },

  async "subprotocols"(clients) {
    const socket = await clients.open("/", { transports: ["websocket"], protocols: ["one", "two"] });
    same(socket.io.engine.transport.ws.protocol, "one", "protocol");
  },

  async "tryAllTransports: polling where WebSocket is not let through"(clients) {
    const socket = await clients.connected(clients.create("/", {
      path: "/no-websocket/", transports: ["websocket", "polling"], tryAllTransports: true,
    }));
    same(socket.io.engine.transport.name, "polling", "transport");
    same(await socket.emitWithAck("ack", 1), 1, "ack");
  },

  async "rememberUpgrade: the second connection begins with WebSocket"(clients) {
    const transports = ["polling", "websocket"];
    const first = clients.create("/", { transports, rememberUpgrade: true });
    await clients.connected(first);
    await clients.upgraded(first);
    const second = await clients.connected(clients.create("/", { transports, rememberUpgrade: true }));
    same(second.io.engine.transport.name, "websocket", "transport");
  },

  async "withCredentials: cookies come back with every request"(clients) {
    const socket = await clients.open("/", { path: "/sticky/", transports: ["polling", "websocket"], withCredentials: true });
    await clients.upgraded(socket);
    same(await socket.emitWithAck("ack", 1), 1, "ack");
  },

  async "timestamps, extra headers, closing before unload"(clients) {
    const socket = await clients.open("/", {
      timestampRequests: true, timestampParam: "EIO_t", extraHeaders: { "X-Mine": "yes" }, closeOnBeforeunload: true,
    });
    same(await socket.emitWithAck("header", "X-Mine"), "yes", "header");
  },
};
