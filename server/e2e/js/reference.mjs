// The application of the Go test server (see app_test.go), on Node's own socket.io: the control that says
// whether a scenario asks for what Socket.IO really does. It ends when its standard input is closed.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Server } from "socket.io";
import { report } from "./report.mjs";

const [given = "{}", pages = "{}"] = process.argv.slice(2);
const files = JSON.parse(pages); // by path, as in app_test.go
const types = { html: "text/html", js: "text/javascript", mjs: "text/javascript" };

const http = createServer((req, res) => {
  const file = files[req.url === "/" ? "/{$}" : req.url];
  if (!file) return res.writeHead(404).end();
  res.writeHead(200, { "Content-Type": types[file.split(".").at(-1)] });
  createReadStream(new URL(file, import.meta.url)).pipe(res);
});
const io = new Server(http, JSON.parse(given));

const invalid = { code: "invalid", message: "invalid arguments" };
const internal = { code: "internal", message: "Internal error" };
const fail = (socket, ack, error) => (ack ? ack({ ok: false, error }) : socket.emit("error", error));
const isAck = (f) => (typeof f === "function" ? f : undefined);

const reasons = new Map(); // socket id -> promise of its disconnect reason
function remember(socket) {
  reasons.set(socket.id, new Promise((resolve) => socket.on("disconnect", resolve)));
}

io.on("connection", (socket) => {
  remember(socket);
  socket.emit("welcome", { id: socket.id, auth: socket.handshake.auth });

  socket.on("echo", (x) => socket.emit("echo", x));
  socket.on("echo2", (a, b) => socket.emit("echo2", a, b));
  socket.on('odd "näme"\u2028', (x) => socket.emit('odd "näme"\u2028', x));
  socket.on(7, (x) => socket.emit("seven", x));
  socket.on("ack", (x, ack) => ack(x));
  socket.on("ack2", (a, b, ack) => ack(a, b));
  socket.on("nothing", (ack) => ack?.());
  socket.on("query", (ack) => ack(socket.handshake.query.color ?? ""));

  socket.on("ask", async (x, ack) => ack(await socket.emitWithAck("question", x)));
  socket.on("ask-all", ({ room, question, within }, ack) => {
    io.to(room).timeout(within).emit("question", question, (err, answers) => ack({ answers, complete: !err }));
  });
  socket.on("ask-in-vain", (ack) => socket.timeout(100).emit("silence", (err) => ack(err ? "timeout" : "answered")));

  socket.on("typed", (x, ack) => {
    if (typeof x !== "object" || !Number.isInteger(x.n)) return fail(socket, isAck(ack ?? x), invalid);
    ack?.(x.n + 1);
  });
  socket.on("fail", (kind, ack) => {
    fail(socket, ack, kind === "public" ? { code: "teapot", message: "short and stout" } : internal);
  });

  socket.on("join", (room, ack) => (socket.join(room), ack()));
  socket.on("leave", (room, ack) => (socket.leave(room), ack()));
  socket.on("cast", ({ to = [], except = [], volatile: drop = false, self = false }, data) => {
    let target = self ? io.of("/").to(to) : socket.to(to);
    if (!self && to.length === 0) target = socket.broadcast;
    target = target.except(except);
    (drop ? target.volatile : target).emit("cast", data);
  });
  socket.on("burst", (n) => {
    for (let i = 0; i < n; i++) io.emit("burst", i);
  });
  socket.on("stream", async ({ n }) => {
    for (let i = 0; i < n; i++) {
      socket.emit("tick", i);
      if (i % 4 === 0) await pause(1);
    }
    socket.emit("stream-end");
  });

  let counted = 0;
  let misplaced = 0;
  socket.on("count", (i, ack) => {
    if (i !== counted) misplaced++;
    counted++;
    ack?.();
  });
  socket.on("counted", (ack) => ack({ counted, misplaced }));

  socket.on("kick", (close) => socket.disconnect(close));
  socket.on("reason-of", async (id, ack) => ack(await reasons.get(id)));
  socket.on("shutdown", () => io.close());
});

io.of("/custom").on("connection", (socket) => {
  remember(socket);
  socket.emit("auth", socket.handshake.auth);
  socket.on("echo", (x) => socket.emit("echo", x));
  socket.on("kick", (close) => socket.disconnect(close));
});

const guarded = io.of("/guarded");
guarded.use(async (socket, next) => {
  switch (socket.handshake.auth.token) {
    case "slow":
      await pause(100);
      return next();
    case "private":
      return next(new Error("Internal error"));
    case "plain":
      return next(new Error("go away"));
    case "letmein":
      return next();
  }
  next(Object.assign(new Error("not allowed"), { data: { code: 401, hint: "a <token> & more" } }));
});
guarded.on("connection", (socket) => {
  socket.on("echo", (x) => socket.emit("echo", x));
});

const numbered = io.of(/^\/numbered-[0-9]+$/);
numbered.on("connection", (socket) => {
  socket.emit("you", socket.nsp.name);
  socket.on("echo", (x) => socket.emit("echo", x));
  socket.on("all", (x) => numbered.emit("all", x));
  socket.on("here", (x) => socket.nsp.emit("here", x));
});

io.of((name, auth, next) => next(null, name.startsWith("/secret-") && auth.token === "letmein"))
  .on("connection", (socket) => socket.on("echo", (x) => socket.emit("echo", x)));

const watched = io.of("/watched");
watched.on("connection", (socket) => {
  const [incoming, outgoing] = [[], []];
  const ackOf = (args) => isAck(args.at(-1));
  socket.onAny((event, ...args) => {
    incoming.push(event);
    if (event !== "forbidden" && socket.listenerCount(event) === 0) ackOf(args)?.(...args.slice(0, -1));
  });
  socket.onAnyOutgoing((event) => outgoing.push(event));
  socket.use(([event, ...args], next) => {
    if (event !== "forbidden") return next();
    fail(socket, ackOf(args), { code: "teapot", message: "short and stout" });
  });
  socket.once("once", (x) => socket.emit("once", x));
  socket.on("seen", (ack) => ack({ incoming, outgoing }));
  socket.on("transport", (ack) => ack(socket.conn.transport.name));
  socket.on("all", (x) => watched.emit("all", x));
});

http.listen(0, "127.0.0.1", () => report({ url: `http://127.0.0.1:${http.address().port}` }));
process.stdin.resume().on("end", () => process.exit(0));
