// Official clients and their tokens: node identity.mjs '{"url":…,"secret":…,"tokens":{…}}'. Reports what each client sees, by name, then
// what becomes of tokens that end and are refreshed, and after a line on standard input of the one that was revoked.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import old from "socket.io-client-v2";
import { report } from "./report.mjs";

const { url, secret, tokens } = JSON.parse(process.argv[2]);

// brief returns a token that ends in three to four seconds.
function brief() {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256" })}.${part({ sub: "u1", exp: Math.floor(Date.now() / 1000) + 4 })}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

const transports = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

// outcome waits until the client is in, or refused.
const outcome = (socket) => new Promise((done) => {
  socket.on("connect", () => done("in"));
  socket.on("connect_error", (error) => done(`${error.message}: ${error.data?.code}`));
  socket.on("error", (error) => done(error.message ?? error)); // of 2.x
});

const seen = {};
for (const namespace of ["/", "/a", "/b"]) {
  for (const [name, list] of Object.entries(transports)) {
    const options = { transports: list, forceNew: true, reconnection: false };
    for (const [kind, token] of Object.entries(tokens)) {
      const socket = io(url + namespace, { ...options, auth: token ? { token } : {} });
      seen[`${namespace} ${name} ${kind}`] = await outcome(socket);
      socket.disconnect();
    }
    const header = io(url + namespace, { ...options, extraHeaders: { Authorization: `Bearer ${tokens.good}` } });
    seen[`${namespace} ${name} header`] = await outcome(header);
    header.disconnect();
    const before = io(url + namespace, { ...options, auth: {}, query: { token: tokens.good } });
    seen[`${namespace} ${name} query`] = await outcome(before);
    before.disconnect();
    if (namespace !== "/") {
      for (const kind of ["good", "forged"]) {
        const socket = old(url + namespace, { ...options, query: { token: tokens[kind] } });
        seen[`${namespace} ${name} 2.x ${kind}`] = await outcome(socket);
        socket.disconnect();
      }
    }
  }
}
report(seen);

// One whose token ends, one that brings a new one, one that is revoked.
const lives = {};
for (const [name, token] of Object.entries({ revoked: tokens.other, refreshes: tokens.good, ends: brief() })) {
  const socket = io(`${url}/a`, { transports: ["websocket"], forceNew: true, reconnection: false, auth: { token } });
  lives[name] = [];
  const ended = new Promise((done) => socket.on("disconnect", (why) => (lives[name].push(why), done())));
  socket.on("error", (error) => lives[name].push(error.code));
  await outcome(socket);
  lives[name].socket = socket;
  lives[name].ended = ended;
}
for (const token of [tokens.other, tokens.forged, tokens.good]) {
  const answer = await lives.refreshes.socket.emitWithAck("refresh-token", { token });
  lives.refreshes.push(answer.ok ? "ok" : answer.error.code);
}
await lives.ends.ended;
report({ ends: lives.ends, refreshes: lives.refreshes, connected: lives.refreshes.socket.connected });

for await (const _ of createInterface({ input: process.stdin })) {
  await lives.revoked.ended;
  report({ revoked: lives.revoked });
  break;
}
process.exit(0);
