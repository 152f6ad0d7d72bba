// People who write in one room of the chat at once, on several servers: node chat-order.mjs '{"urls":[…],"writers":…,"messages":…}'.
// Half of them ask for acknowledgements; each server has somebody who only reads. Reports {lists, history, trouble}: the ids
// that each has got who gets all, and those that each server's history has in the end.
import { io } from "socket.io-client";
import { until } from "./clients.mjs";
import { report } from "./report.mjs";

const { urls, writers, messages } = JSON.parse(process.argv[2]);
const roomId = "order";
const trouble = [];

async function enter(url, userId) {
  const socket = io(`${url}/chat`, { forceNew: true, transports: ["websocket"], auth: { userId, username: userId } });
  const got = [];
  socket.on("chat-message", ({ id }) => got.push(id));
  socket.on("error", ({ code, message }) => trouble.push(`${userId}: ${code} ${message}`));
  socket.on("disconnect", (reason) => trouble.push(`${userId}: ${reason}`));
  const reply = await socket.emitWithAck("join", { roomId });
  if (!reply.ok) trouble.push(`${userId}: ${JSON.stringify(reply)}`);
  return { socket, got, userId };
}

const readers = await Promise.all(urls.map((url, i) => enter(url, `r${i}`)));
const all = await Promise.all(Array.from({ length: writers }, (_, i) => enter(urls[i % urls.length], `w${i}`)));
await Promise.all(all.map(async ({ socket, userId }, i) => {
  const asks = i < writers / 2;
  for (let n = 0; n < messages; n++) {
    const message = { content: `${userId} ${n}`, clientId: `${userId}-${n}` };
    if (!asks) {
      socket.emit("chat-message", message);
      if (n % 4 === 3) await new Promise((done) => setTimeout(done, n));
      continue;
    }
    const reply = await socket.emitWithAck("chat-message", message);
    if (!reply.ok) trouble.push(`${userId}: ${JSON.stringify(reply)}`);
  }
}));
const whole = [...readers, ...all.slice(Math.ceil(writers / 2))]; // who asks gets no echo
await until(() => whole.every(({ got }) => got.length >= writers * messages), "the last message").catch((error) => trouble.push(error.message));
const history = await Promise.all(readers.map(async ({ socket }) => (await socket.emitWithAck("history", { roomId, limit: 100 })).messages.map(({ id }) => id)));
report({ lists: whole.map(({ got }) => got), history, trouble });
for await (const _ of process.stdin); // what is reported is long
process.exit(0);
