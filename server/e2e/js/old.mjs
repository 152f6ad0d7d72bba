// What client 2.x must see. It shares the scenarios of newer ones as far as it can do what they ask for.
import { bytes, same } from "./clients.mjs";
import { run, scenarios } from "./scenarios.mjs";

const given = { base64: { forceBase64: true }, jsonp: { forceJSONP: true } }; // by mode

export function runOld({ io, mode, ...settings }) {
  const more = settings.shared ? { old, shared } : { old };
  return run({ ...settings, mode, more, io: (url, options) => modern(io(url, { ...given[mode], ...options })) });
}

// modern gives an older socket what the scenarios use of newer ones.
export function modern(socket) {
  socket.emitWithAck ??= (...args) => new Promise((done) => socket.emit(...args, done));
  socket.onAny ??= (listener) => {
    const { onevent } = socket;
    socket.onevent = (packet) => {
      listener(...packet.data);
      onevent.call(socket, packet);
    };
  };
  return socket;
}

// Scenarios with auth, retries, sockets made by the manager, connect_error with the server's words, or binary in
// a form that 2.x does not see as such.
const newer = [
  "connect with auth", "auth is an empty object", "middleware and unknown", "a slow middleware", "a refused namespace",
  "namespaces share", "the client's own retries", "arguments of the wrong type", "binary both ways", "messages of every size",
  "binary broadcasts", "volatile reaches", "ends every namespace", "ends one namespace", "a dynamic namespace is left",
  "names and credentials",
];

const shared = Object.fromEntries(
  Object.values(scenarios).flatMap(Object.entries).filter(([name]) => !newer.some((part) => name.includes(part))),
);

const blob = (...args) => bytes(...args).buffer;

const old = {
  async "the ids are those of the session, credentials a query of the namespace"(clients) {
    const main = await clients.open();
    same((await clients.next(main, "welcome"))[0], { id: main.io.engine.id, auth: {} }, "welcome");
    same(main.id, main.io.engine.id, "id");
    const custom = await clients.open("/custom?token=a%2Cb&who=gr%C3%BC%C3%9Fe%20%F0%9F%98%80");
    same((await clients.next(custom, "auth"))[0], { token: "a,b", who: "grüße 😀" }, "auth");
    same(custom.id, `/custom#${custom.io.engine.id}`, "id in /custom");
    custom.emit("echo", 1);
    same(await clients.next(custom, "echo"), [1], "echo");
    const long = "x".repeat(3000); // longer than any namespace's name
    same((await clients.next(await clients.open(`/custom?token=${long}`), "auth"))[0], { token: long }, "long auth");
  },

  async "refusals: the error's data, else its text, as event error"(clients) {
    const refused = async (namespace) => {
      const socket = clients.create(namespace);
      const [error] = await new Promise((done) => socket.on("error", (...args) => done(args)));
      socket.disconnect(); // a browser opens six connections to a host
      return error;
    };
    same(await refused("/guarded"), { code: 401, hint: "a <token> & more" }, "error with data");
    same(await refused("/guarded?token=plain"), "go away", "error without data");
    same(await refused("/guarded?token=private"), "Internal error", "private error");
    for (const namespace of ["/nowhere", "/numbered-x", "/secret-1", "/secret-1?token=guess"]) {
      same(await refused(namespace), { message: "Invalid namespace" }, namespace);
    }
    for (const namespace of ["/guarded?token=letmein", "/secret-1?token=letmein"]) {
      const admitted = await clients.open(namespace);
      admitted.emit("echo", 1);
      same(await clients.next(admitted, "echo"), [1], namespace);
      admitted.io.engine.close();
    }
  },

  async "namespaces of one connection are left, ended and joined again"(clients) {
    const main = await clients.open();
    const joined = ["/numbered-7", "/custom"].map((name) => clients.adopt(modern(main.io.socket(name))));
    const [, custom] = joined;
    for (const socket of joined) {
      await clients.connected(socket);
      socket.emit("echo", 1);
      same(await clients.next(socket, "echo"), [1], "echo");
    }
    for (const [socket, leave] of [
      [joined[0], () => joined[0].disconnect()],
      [custom, () => custom.disconnect()],
      [custom, () => custom.emit("kick", false)],
    ]) {
      leave();
      await clients.next(socket, "disconnect");
      await main.emitWithAck("ack", 0); // Node would overlook a CONNECT that comes at once
      socket.connect();
      await clients.connected(socket);
      socket.emit("echo", 2);
      same(await clients.next(socket, "echo"), [2], "echo after joining again");
    }
    same(main.connected, true, "main namespace connected");
    same(await main.emitWithAck("ack", 3), 3, "ack");
    custom.emit("kick", true);
    same((await clients.next(custom, "disconnect"))[0], "io server disconnect", "custom");
    same((await clients.next(main, "disconnect"))[0], "io server disconnect", "main");
  },

  async "binary both ways, nested, of every size, in order with text"(clients) {
    const socket = await clients.open();
    socket.on("question", (x, answer) => answer([x]));
    const ten = Array.from({ length: 10 }, (_, i) => blob(i, i));
    const values = [
      blob(4), blob(0), blob(50_000), { a: [blob(3), { b: blob(5, 7) }], c: blob(0), d: "text é 😀 \u2028" }, ten,
    ];
    for (const value of values) {
      socket.emit("echo", value);
      same((await clients.next(socket, "echo"))[0], value, "echo");
      same(await socket.emitWithAck("ack", value), value, "ack");
      same(await socket.emitWithAck("ask", value), [value], "answer");
    }
    const sizes = [1, 9, 10, 99, 100, 124, 125, 126, 127, 999, 1000, 65_533, 65_534, 65_535, 65_536];
    for (const size of sizes) {
      const text = "😀é\u2028\\n\n".repeat(Math.min(size, 9999));
      socket.emit("echo", text);
      socket.emit("echo", blob(size));
      socket.emit("echo", [text, blob(3)]);
      for (const value of [text, blob(size), [text, blob(3)]]) same((await clients.next(socket, "echo"))[0], value, "echo");
    }
  },

  async "binary broadcasts between clients of 2.x"(clients) {
    const [a, b] = await Promise.all([clients.open(), clients.open()]);
    await Promise.all([a, b].map((socket) => socket.emitWithAck("join", "red")));
    for (let i = 0; i < 20; i++) a.emit("cast", { to: ["red"] }, { i, blob: blob(i) });
    for (let i = 0; i < 20; i++) same((await clients.next(b, "cast"))[0], { i, blob: blob(i) }, "cast");
  },
};
