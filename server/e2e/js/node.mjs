// Runs the scenarios with an official client in Node: node node.mjs '{"url":…,"mode":…,"client":…,"parser":…}'.
import { report } from "./report.mjs";
import { run } from "./scenarios.mjs";

const { client = "socket.io-client", ...settings } = JSON.parse(process.argv[2]);
settings.old = client !== "socket.io-client";
const { io } = await import(client);
const options = settings.parser ? { parser: (await import(settings.parser)).default } : {};

// Clients before 4.6 have no promises.
const { constructor: Socket } = io("http://localhost", { autoConnect: false });
Socket.prototype.emitWithAck ??= function (event, ...args) {
  return new Promise((done) => this.emit(event, ...args, done));
};

const more = settings.options && { options: (await import("./options.mjs")).options };
await run({ ...settings, more, io: (url, more) => io(url, { ...options, ...more }), node: true, report });
process.exit(0);
