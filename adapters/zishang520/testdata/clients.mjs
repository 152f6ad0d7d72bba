// Runs scenarios with the official clients, against the application of app_test.go, and
// prints one line of JSON for each: what went wrong, or nothing. Each kind of client does
// one scenario after the other, beside the other kinds.
// Usage: node clients.mjs <URL> <directory of the clients' packages> <milliseconds to wait for what never comes> <versions>
import { createRequire } from "node:module";
import { strict as assert } from "node:assert";

const [url, packages, patience, ...versions] = process.argv.slice(2);
const require = createRequire(packages + "/");
const clients = {
  "4.8.4": require("socket.io-client").io,
  "3.1.3": require("socket.io-client-v3").io,
  "2.5.0": require("socket.io-client-v2"),
};
const transports = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

const within = (promise, what) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} does not come`)), Number(patience))),
  ]);
const next = (socket, event) =>
  within(new Promise((resolve) => socket.once(event, (...args) => resolve(args))), event);
const ask = (socket, event, ...args) =>
  within(new Promise((resolve) => socket.emit(event, ...args, resolve)), `the answer to ${event}`);

// A run is one scenario's sockets.
class Run {
  sockets = [];
  constructor(version, transport) {
    Object.assign(this, { version, transport, tag: `${version} ${transport}`, old: version.startsWith("2") });
  }
  create(namespace = "/", options = {}) {
    const socket = clients[this.version](url + namespace, {
      transports: transports[this.transport],
      forceNew: true,
      reconnection: false,
      ...options,
    });
    this.sockets.push(socket);
    return socket;
  }
  async open(namespace, options) {
    const socket = this.create(namespace, options);
    await next(socket, "connect");
    return socket;
  }
  refusal(socket) {
    return next(socket, this.old ? "error" : "connect_error");
  }
}

const scenarios = {
  async "events, and acknowledgements of both sides"(run) {
    const socket = await run.open();
    assert.deepEqual(await ask(socket, "echo", 1, "zwei", { drei: [4, null] }), [1, "zwei", { drei: [4, null] }]);
    socket.on("question", (n, answer) => answer(n * 2));
    assert.equal(await ask(socket, "ask me", 21), 42);
    socket.emit("back", "there", 7);
    assert.deepEqual(await next(socket, "back"), ["there", 7]);
  },
  async "a listener that waits for its client's acknowledgement"(run) {
    const socket = await run.open();
    socket.on("question", (n, answer) => answer(n + 1));
    assert.equal(await ask(socket, "ask me and wait", 1), 2);
  },
  async "binary, nested, both ways"(run) {
    const socket = await run.open();
    const [reply] = await ask(socket, "echo", { a: [Buffer.from([1, 2, 3])], b: Buffer.alloc(0) });
    assert.deepEqual(Buffer.from(reply.a[0]), Buffer.from([1, 2, 3]));
    assert.equal(Buffer.from(reply.b).length, 0);
    socket.emit("back", Buffer.alloc(70_000, 9), "text");
    const [data, text] = await next(socket, "back");
    assert.ok(Buffer.from(data).equals(Buffer.alloc(70_000, 9)));
    assert.equal(text, "text");
  },
  async "rooms, except, broadcast of the sender, all"(run) {
    const [a, b, c] = await Promise.all([run.open(), run.open(), run.open()]);
    const heard = { a: [], b: [], c: [] };
    for (const [name, socket] of Object.entries({ a, b, c })) {
      socket.on("said", ([tag, text]) => tag === run.tag && heard[name].push(text));
    }
    const say = (whom, text) => ask(a, "say", whom, run.tag, [run.tag, text]);
    await Promise.all([ask(a, "join", run.tag), ask(b, "join", run.tag)]);
    await say("to", "others of r");
    await say("in", "all of r");
    await say("except", "not in r");
    await say("broadcast", "others");
    await say("all", "all");
    await ask(b, "leave", run.tag);
    await say("in", "r without b");
    await Promise.all([ask(a, "echo"), ask(b, "echo"), ask(c, "echo")]);
    assert.deepEqual(heard, {
      a: ["all of r", "all", "r without b"],
      b: ["others of r", "all of r", "others", "all"],
      c: ["not in r", "others", "all"],
    });
  },
  async "binary broadcast"(run) {
    const [a, b] = await Promise.all([run.open(), run.open()]);
    const both = [next(a, "blob " + run.tag), next(b, "blob " + run.tag)];
    a.emit("blob", run.tag, Buffer.from([7, 8]));
    for (const [data] of await Promise.all(both)) assert.deepEqual(Buffer.from(data), Buffer.from([7, 8]));
  },
  async "acknowledgements of a room"(run) {
    const sockets = await Promise.all([run.open(), run.open()]);
    for (const [i, socket] of sockets.entries()) {
      await ask(socket, "join", run.tag);
      socket.on("question", (n, answer) => answer(n + i));
    }
    const answers = await ask(sockets[0], "ask room", run.tag);
    assert.deepEqual(answers.sort(), [10, 11]);
  },
  async "volatile reaches a client that listens"(run) {
    const socket = await run.open();
    const arrived = new Promise((resolve) => socket.once("fleeting", resolve));
    for (let i = 0; i < 100; i++) {
      socket.emit("volatile");
      if (await Promise.race([arrived.then(() => true), new Promise((r) => setTimeout(r, 15))])) return;
    }
    throw new Error("none of 100 arrived");
  },
  async "middlewares of events"(run) {
    const socket = await run.open();
    socket.emit("forbidden");
    assert.deepEqual(await next(socket, "refused"), ["not allowed"]);
    assert.deepEqual(await ask(socket, "later", 5), [5, "changed"]);
  },
  async "namespaces: two on a connection, one that is not there, dynamic ones"(run) {
    const socket = await run.open();
    const manager = socket.io;
    const other = manager.socket("/other");
    run.sockets.push(other);
    await next(other, "connect");
    assert.equal(await ask(other, "where"), "/other");
    assert.deepEqual(await ask(socket, "echo", 1), [1]);
    const dynamic = await run.open("/dynamic-7");
    assert.equal(await ask(dynamic, "where"), "/dynamic-7");
    const [error] = await run.refusal(run.create("/nowhere"));
    assert.match(error.message ?? error, /Invalid namespace/);
  },
  async "a namespace left and joined again"(run) {
    const socket = await run.open();
    const other = socket.io.socket("/other");
    run.sockets.push(other);
    await next(other, "connect");
    for (let i = 0; i < 3; i++) {
      other.disconnect();
      other.connect();
      await next(other, "connect");
      assert.equal(await ask(other, "where"), "/other");
    }
  },
  async "a middleware of a namespace, with credentials and a refusal"(run) {
    const good = run.old
      ? await run.open("/private?token=secret")
      : await run.open("/private", { auth: { token: "secret" } });
    assert.equal(await ask(good, "where"), "/private");
    const [error] = await run.refusal(run.create("/private"));
    assert.match(error.message ?? error, /who are you/);
  },
  async "handshake, request, transport"(run) {
    const socket = await run.open("/", { query: { q: "1" }, extraHeaders: { "x-test": "yes" } });
    if (run.transport === "upgrade") await new Promise((r) => setTimeout(r, 200));
    const who = await ask(socket, "who");
    assert.deepEqual(who, {
      query: "1",
      header: "yes",
      context: "of the middleware",
      address: "127.0.0.1",
      path: "/socket.io/",
      protocol: run.old ? 3 : 4,
      transport: run.transport === "polling" ? "polling" : "websocket",
      state: "open",
      id: socket.id,
    });
  },
  async "ends: by the client, by the server, of all"(run) {
    const watcher = await run.open();
    const ended = (socket) => next(watcher, `ended ${socket}`);
    const byClient = await run.open();
    const first = ended(byClient.id);
    byClient.disconnect();
    assert.deepEqual(await first, ["client namespace disconnect"]);
    const kicked = await run.open();
    const [second, heard] = [ended(kicked.id), next(kicked, "disconnect")];
    kicked.emit("kick", false);
    assert.deepEqual(await second, ["server namespace disconnect"]);
    assert.equal((await heard)[0], "io server disconnect");
    const thrown = await run.open();
    const [third, closed] = [ended(thrown.id), next(thrown, "disconnect")];
    thrown.emit("kick", true);
    assert.deepEqual(await third, ["server namespace disconnect"]);
    await closed;
    const lost = await run.open();
    const fourth = ended(lost.id);
    lost.io.engine.close();
    assert.match((await fourth)[0], /^(transport|client)/);
  },
};

const report = (line) => console.log(JSON.stringify(line));
async function all(version, transport) {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const run = new Run(version, transport);
    let wrong = "";
    try {
      await scenario(run);
    } catch (error) {
      wrong = String(error.message).split("\n")[0];
    }
    for (const socket of run.sockets) socket.disconnect();
    report({ name: `${run.tag}: ${name}`, wrong });
  }
}
const kinds = versions.flatMap((version) => Object.keys(transports).map((name) => [version, name]));
await Promise.all(kinds.map(([version, transport]) => all(version, transport)));
process.exit(0);
