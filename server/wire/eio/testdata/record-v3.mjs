// Records what the reference parser makes of payloads of revision 3, for revision3_test.go.
//
//   npm install --no-save engine.io-parser@2.2.1        (in any directory)
//   node <here>/record-v3.mjs > <here>/vectors-v3.json  (in that directory)
//
// The same version always writes the same bytes.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "record.cjs"));
const { encodePacket, encodePayload, decodePayload, encodePayloadAsBinary } = require("engine.io-parser");
const { version } = require("engine.io-parser/package.json");

const text = (type, data) => ({ type, data });
const binary = (...bytes) => ({ type: "message", data: Buffer.from(bytes) });
const range = (n) => Array.from({ length: n }, (_, i) => i);

const payloads = [
  [text("open", '{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}')],
  [text("close")],
  [text("ping", "probe")],
  [text("noop"), text("close")],
  [text("message")],
  [text("message", "hello"), text("ping"), text("message", "€")],
  [text("message", "é"), text("message", "😀"), text("message", "grüße 世界 😀😀 \u2028\u2029")],
  [text("message", "1:2"), text("message", ":"), text("message", "b4"), text("message", "x".repeat(1234))],
  [text("message", '51-["a",{"_placeholder":true,"num":0}]'), binary(1, 2, 3, 4)],
  [text("message", "hello"), binary(1, 2, 3, 4)],
  [binary(), binary(0xff), binary(0, 0xff, 1), text("message", "😀"), text("close")],
  [binary(...range(256)), text("upgrade")],
  range(40).map((i) => text("message", String(i))),
];

const refusedText = ["", "a", "abc", "4hello", "1", "1:", ":4", "1:7", "1:a", "2:4", "3:4a", "a:4", "1:45", "5:4a5:4b", "1:44:4a", "-1:4"];

const encoded = (list, supportsBinary) => {
  let result;
  encodePayload(list, supportsBinary, (s) => (result = s));
  return result;
};
const asBinary = (list) => {
  let result;
  encodePayloadAsBinary(list, (s) => (result = s));
  return result.toString("base64");
};
const frame = (packet, supportsBinary) => {
  let result;
  encodePacket(packet, supportsBinary, false, (s) => (result = s));
  return Buffer.from(result).toString("base64");
};
const plain = ({ type, data }) =>
  Buffer.isBuffer(data) ? { type, binary: true, base64: data.toString("base64") } : { type, text: data ?? "" };
const decoded = (body) => {
  const packets = [];
  decodePayload(body, (packet) => void packets.push(plain(packet)));
  return packets;
};
const same = (list, body) => {
  if (JSON.stringify(decoded(body)) !== JSON.stringify(list.map(plain))) throw new Error(`not decoded: ${body}`);
};

const vectors = {
  recorded: `engine.io-parser ${version}`,
  payloads: payloads.map((list) => {
    const [inText, inBinary] = [encoded(list, false), asBinary(list)];
    same(list, inText);
    same(list, Buffer.from(inBinary, "base64"));
    return { packets: list.map(plain), text: inText, binary: inBinary };
  }),
  // What a WebSocket carries: with binary data as it is, and without.
  frames: payloads.flat().filter(({ data }) => Buffer.isBuffer(data)).map((packet) => (
    { packet: plain(packet), binary: frame(packet, true), text: frame(packet, false) })),
  // The packets before the bad one, which the reference reports as {type: "error"}.
  refused: refusedText.map((s) => {
    const packets = decoded(s);
    if (packets.pop()?.type !== "error") throw new Error(`accepted: ${JSON.stringify(s)}`);
    return { text: s, packets };
  }),
};
process.stdout.write(JSON.stringify(vectors, null, 1) + "\n");
