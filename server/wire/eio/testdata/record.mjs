// Records what the reference parser makes of Engine.IO packets, for vectors_test.go.
//
//   npm install --no-save engine.io-parser@5.2.3     (in any directory)
//   node <here>/record.mjs > <here>/vectors.json     (in that directory)
//
// The same version always writes the same bytes.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "record.cjs"));
const { encodePacket, encodePayload, decodePayload } = require("engine.io-parser");
const { version } = JSON.parse(
  require("node:fs").readFileSync(path.join(process.cwd(), "node_modules/engine.io-parser/package.json"), "utf8"),
);

const text = (type, data) => ({ type, data });
const binary = (...bytes) => ({ type: "message", data: Buffer.from(bytes) });
const range = (n) => Array.from({ length: n }, (_, i) => i);

const packets = [
  text("open", '{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'),
  text("open"),
  text("close"),
  text("ping"),
  text("ping", "probe"),
  text("pong"),
  text("pong", "probe"),
  text("message"),
  text("message", "hello"),
  text("message", '2["echo",{"x":1}]'),
  text("message", "b"),
  text("message", "grüße 世界 😀 \u2028"),
  text("message", "tab\tnewline\n"),
  text("upgrade"),
  text("noop"),
  binary(),
  binary(0),
  binary(1, 2),
  binary(1, 2, 3),
  binary(1, 2, 3, 4),
  binary(0xfb, 0xef, 0xff, 0xfe),
  binary(...range(256)),
];

const payloads = [
  [text("message", "hello")],
  [text("message", "hello"), text("ping"), text("message", "€")],
  [text("message", '51-["a",{"_placeholder":true,"num":0}]'), binary(1, 2, 3, 4)],
  [binary(), binary(0xff), text("close")],
  range(40).map((i) => text("message", String(i))),
];

// Other spellings that the reference takes, and some clients send.
const decodes = [
  "bAQIDBA==",
  "bAQIDBA", // no padding
  "bAQIDBA=", // half of it: refused here, see the test
  "b--__", // url-safe
  "b____",
  "b----",
  "b++//",
  "b-_+/", // both alphabets
  "bAQ ID",
  "bAQ\nID",
  "bAQ\r\nID\r\n",
  "bA",
  "bAQ=ID",
  "b====",
  "b!!!!",
  "bAR==", // bits left over
  "4\0",
  "6ignored",
  "4a\x1e4b",
  "4a\x1e1\x1e4b",
];

const refused = ["", "7", "9", "a", "B", "x4", " 4", "-1", "é", "4a\x1e", "\x1e4a", "4a\x1e\x1e4b", "4a\x1e7\x1e4b", "4a\x1e4b\x1ehello"];

const encoded = (packet) => {
  let result;
  encodePacket(packet, false, (s) => (result = s));
  return result;
};
const joined = (list) => {
  let result;
  encodePayload(list, (s) => (result = s));
  return result;
};
const plain = ({ type, data }) =>
  Buffer.isBuffer(data) ? { type, binary: true, base64: data.toString("base64") } : { type, text: data ?? "" };
const decoded = (s) => decodePayload(s).map(plain);

const vectors = {
  recorded: `engine.io-parser ${version}`,
  packets: packets.map((p) => ({ packet: plain(p), encoded: encoded(p) })),
  payloads: payloads.map((list) => ({ packets: list.map(plain), encoded: joined(list) })),
  decodes: decodes.map((s) => ({ encoded: s, packets: decoded(s) })),
  // The packets before the bad one, which the reference reports as {type: "error"}.
  refused: refused.map((s) => {
    const packets = decoded(s);
    if (packets.pop().type !== "error") throw new Error(`accepted: ${JSON.stringify(s)}`);
    return { encoded: s, packets };
  }),
};
process.stdout.write(JSON.stringify(vectors, null, 1) + "\n");
