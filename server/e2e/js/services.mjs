// Notifications, channels and /ws: node services.mjs <url>. Reports {name, trouble} for each step, then {done}, and ends with
// its standard input.
import assert from "node:assert/strict";
import { once } from "node:events";
import { io } from "socket.io-client";
import { WebSocket } from "ws";
import { report } from "./report.mjs";

const url = process.argv[2];

// heard collects what comes, so that nothing is missed between two waits.
function heard(emitter, listen) {
  const queue = [];
  let wake = () => {};
  listen((...args) => {
    queue.push(args);
    wake();
  });
  return async () => {
    while (queue.length === 0) await new Promise((resolve) => (wake = resolve));
    return queue.shift();
  };
}

const open = async (path, auth) => {
  const socket = io(url + path, { auth, forceNew: true });
  const next = heard(socket, (f) => socket.onAny(f));
  await once(socket, "connect");
  return { socket, next };
};

const post = (body) =>
  fetch(url + "/api/notifications", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

const steps = {
  async notifications() {
    const auth = { userId: "u1", username: "Ann" };
    const [tab1, tab2] = [await open("/notifications", auth), await open("/notifications", auth)];
    for (const tab of [tab1, tab2]) assert.deepEqual(await tab.next(), ["unread-count", { count: 0 }]);
    const res = await post({ to: { userId: "u1" }, type: "mention", data: { senderId: "u2", read: true } });
    assert.equal(res.status, 202);
    const { ids } = await res.json();
    for (const tab of [tab1, tab2]) {
      const [name, n] = await tab.next();
      assert.equal(name, "notification");
      assert.equal(new Date(n.timestamp).toISOString(), n.timestamp);
      assert.deepEqual({ ...n, timestamp: "" }, { id: ids[0], type: "mention", recipientId: "u1", senderId: "u2", timestamp: "", read: false });
      assert.deepEqual(await tab.next(), ["unread-count", { count: 1 }]);
    }
    tab1.socket.close();
    await post({ to: { everyone: true }, type: "system" });
    assert.equal((await tab2.next())[0], "notification");
    assert.deepEqual(await tab2.next(), ["unread-count", { count: 2 }]);
    tab2.socket.close();
    await post({ to: { userIds: ["u1", "u3"] }, type: "like" });
    const back = await open("/notifications", auth);
    assert.deepEqual(await back.next(), ["unread-count", { count: 3 }]);
    const { notifications, more, ok } = await back.socket.emitWithAck("list", {});
    assert.deepEqual([ok, more, notifications.map((n) => n.type)], [true, false, ["like", "system", "mention"]]);
    assert.deepEqual(await back.socket.emitWithAck("mark-read", { all: true }), { ok: true, count: 3 });
    assert.deepEqual(await back.next(), ["unread-count", { count: 0 }]);
    back.socket.close();
  },

  async channels() {
    const [a, b] = [await open("/"), await open("/")];
    for (const { socket } of [a, b]) assert.deepEqual(await socket.emitWithAck("subscribe", "news"), { ok: true });
    const message = { text: "hi", bytes: Buffer.from([1, 2]) };
    assert.deepEqual(await a.socket.emitWithAck("publish", { channel: "news", message }), { ok: true });
    assert.deepEqual(await b.next(), ["message", message]);
    b.socket.emit("publish", { channel: "news", message: "all" });
    for (const { next } of [a, b]) assert.deepEqual(await next(), ["message", "all"]);
    b.socket.emit("publish", { channel: "news" });
    assert.deepEqual(await b.next(), ["error", { code: "invalid", message: "message is missing." }]);
    for (const { socket } of [a, b]) socket.close();
  },

  async plain() {
    const ws = async (user) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, { headers: { "user-id": user } });
      const next = heard(socket, (f) => socket.on("message", (data) => f(JSON.parse(data))));
      const [{ type, userId }] = await next();
      assert.deepEqual([type, userId], ["connected", user]);
      return { socket, next };
    };
    const [a, b] = [await ws("a"), await ws("b")];
    a.socket.send(JSON.stringify({ type: "message", content: "hi" }));
    const [said] = await b.next();
    assert.deepEqual({ ...said, timestamp: "" }, { type: "message", userId: "a", content: "hi", timestamp: "" });
    a.socket.send("{");
    assert.deepEqual([(await a.next())[0].type], ["error"]);
    a.socket.close();
    assert.deepEqual([(await b.next())[0].type], ["disconnected"]);
    b.socket.close();
  },
};

for (const [name, run] of Object.entries(steps)) {
  const trouble = await run().then(() => "", (error) => error.message);
  report({ name, trouble });
}
report({ done: true });
process.stdin.on("end", () => process.exit(0)).resume();
