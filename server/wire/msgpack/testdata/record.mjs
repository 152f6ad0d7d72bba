// Records what the reference parser makes of Socket.IO packets as MessagePack, for vectors_test.go.
//
//   npm install --no-save socket.io-msgpack-parser@3.0.2     (in any directory)
//   node <here>/record.mjs > <here>/vectors.json             (in that directory)
//
// The same version always writes the same bytes.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "record.cjs"));
const { Encoder, Decoder } = require("socket.io-msgpack-parser");
const notepack = require("notepack.io");
const version = (name) =>
  JSON.parse(require("node:fs").readFileSync(path.join(process.cwd(), "node_modules", name, "package.json"), "utf8")).version;

const CONNECT = 0, DISCONNECT = 1, EVENT = 2, ACK = 3, CONNECT_ERROR = 4;
const bytes = (...list) => Buffer.from(list);
const fill = (n, of) => Array.from({ length: n }, (_, i) => of(i));

// Packets that have a form in JSON: written the same by both, fields in this order.
const packets = [
  { type: CONNECT, nsp: "/" },
  { type: CONNECT, data: { sid: "wZX3oN0bSVIhsaknAAAI" }, nsp: "/" },
  { type: CONNECT, data: { token: "123" }, nsp: "/admin" },
  { type: DISCONNECT, nsp: "/größe-世界" },
  { type: CONNECT_ERROR, data: { message: "no", data: { code: 401 } }, nsp: "/admin" },
  { type: CONNECT_ERROR, data: "Unauthorized", nsp: "/" },
  { type: EVENT, data: ["a"], nsp: "/" },
  { type: EVENT, data: [7, -1.5, "a numeric event"], nsp: "/" },
  { type: EVENT, data: ["ack"], id: 0, nsp: "/" },
  { type: EVENT, data: ["ack"], id: 2 ** 53 - 1, nsp: "/admin" },
  { type: ACK, data: [], id: 1, nsp: "/" },
  { type: ACK, data: ["ok", { n: 1 }], id: 300, nsp: "/admin" },
  { type: EVENT, data: ["integers", ...[0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53].flatMap((n) => [n, -n]), -32, -33, -129, -32769, -2147483649], nsp: "/" },
  { type: EVENT, data: ["floats", 0.5, -1.5, 1e-7, 1.1, -1e-300, 5e-324, 0.000001, 123456.789], nsp: "/" },
  { type: EVENT, data: ["others", true, false, null, "", [], {}, [[]], { a: { b: [] } }, { "": 1, 'k"ey': 2 }], nsp: "/" },
  { type: EVENT, data: ["text", ...[31, 32, 255, 256].map((n) => "x".repeat(n))], nsp: "/" },
  { type: EVENT, data: ['"', "\\", "\b\f\n\r\t", "\u0000\u001f\u007f", "\u2028 grüße 世界 😀"], nsp: "/" },
  { type: EVENT, data: ["arrays", fill(15, () => 1), fill(16, () => 1)], nsp: "/" },
  { type: EVENT, data: ["maps", ...[15, 16].map((n) => Object.fromEntries(fill(n, (i) => ["k" + i, i])))], nsp: "/" },
  { type: EVENT, data: ["bin", bytes(1, 2, 3), { a: bytes(), b: ["x", Buffer.alloc(256, 7)] }], nsp: "/" },
  { type: EVENT, data: ["bin", Buffer.alloc(255, 1)], id: 5, nsp: "/" },
  { type: ACK, data: [bytes(255)], id: 12, nsp: "/a" },
  { type: EVENT, data: ["no placeholders", { _placeholder: true, num: 0 }, { _placeholder: 1 }], nsp: "/" },
];

// What only clients write, and what JSON.stringify makes of it.
const fromClients = [
  { type: EVENT, data: ["a", new Date(0), { at: new Date(1700000000123) }, new Date(-1), new Date(-62198755200000), new Date(8.64e15)], nsp: "/" },
  { type: EVENT, data: ["a", undefined, [undefined], { u: undefined, b: 1, v: undefined }, NaN, Infinity, -Infinity], nsp: "/" },
  { type: EVENT, data: ["a", { toJSON: () => 4 }, -0], nsp: "/" },
  { type: CONNECT, data: undefined, nsp: "/", id: undefined },
  { type: EVENT, data: ["a"], options: { compress: true }, nsp: "/", more: [1] },
  { nsp: "/b", id: 3, data: ["fields in another order"], type: EVENT },
];

// Binary as clients have it; the second is what arrives.
const buffers = [
  [new Uint8Array([1, 2]).buffer, bytes(1, 2)],
  [new Uint8Array(0), bytes()],
  [new Uint8Array(300), Buffer.alloc(300)],
  [new Float32Array([1.5]), bytes(0, 0, 0xc0, 0x3f)],
];

// What the reference decoder refuses.
const refused = [
  [], 1, "text", null, { type: 5, nsp: "/", data: ["a"] }, { type: 6, nsp: "/", data: [] }, { type: -1, nsp: "/" }, { type: 0.5, nsp: "/" },
  { type: "2", nsp: "/", data: ["a"] }, { nsp: "/", data: ["a"] }, { type: EVENT, data: ["a"] }, { type: EVENT, nsp: 1, data: ["a"] }, { type: EVENT, nsp: null, data: ["a"] },
  { type: EVENT, nsp: "/" }, { type: EVENT, nsp: "/", data: {} }, { type: EVENT, nsp: "/", data: "a" }, { type: EVENT, nsp: "/", data: null }, { type: EVENT, nsp: "/", data: bytes(1) },
  { type: ACK, nsp: "/", data: 1 }, { type: CONNECT, nsp: "/", data: [] }, { type: CONNECT, nsp: "/", data: null }, { type: CONNECT, nsp: "/", data: "a" },
  { type: DISCONNECT, nsp: "/", data: [] }, { type: DISCONNECT, nsp: "/", data: null }, { type: CONNECT_ERROR, nsp: "/" }, { type: CONNECT_ERROR, nsp: "/", data: 1 }, { type: CONNECT_ERROR, nsp: "/", data: [] },
  { type: EVENT, nsp: "/", data: ["a"], id: 1.5 }, { type: EVENT, nsp: "/", data: ["a"], id: "1" }, { type: EVENT, nsp: "/", data: ["a"], id: null }, { type: EVENT, nsp: "/", data: ["a"], id: NaN },
];

// What the reference takes and we do not; the test holds the reasons.
const stricter = [
  { type: EVENT, nsp: "/", data: [] }, { type: EVENT, nsp: "/", data: [null] }, { type: EVENT, nsp: "/", data: [bytes(1)] }, { type: EVENT, nsp: "/", data: ["connect"] },
  { type: EVENT, nsp: "/", data: ["e".repeat(129)] }, { type: EVENT, nsp: "/", data: ["a"], id: -1 }, { type: EVENT, nsp: "/", data: ["a"], id: 2 ** 53 },
  { type: EVENT, nsp: "", data: ["a"] }, { type: EVENT, nsp: "a", data: ["a"] }, { type: EVENT, nsp: "/a,b", data: ["a"] }, { type: CONNECT, nsp: "/" + "n".repeat(255) },
  { type: CONNECT, nsp: "/", data: { a: bytes(1) } }, { type: EVENT, nsp: "/", data: ["a", ...fill(11, () => bytes())] },
];

const hex = (value) => Buffer.from(value).toString("hex");
const encode = (packet) => hex(new Encoder().encode(packet)[0]);

function decode(data) {
  const decoder = new Decoder();
  let packet;
  decoder.on("decoded", (p) => (packet = p));
  decoder.add(Buffer.from(data, "hex"));
  return packet;
}

function refusal(value) {
  const data = hex(notepack.encode(value));
  try {
    decode(data);
  } catch (e) {
    return { data, message: e.message };
  }
  throw new Error(`accepted: ${JSON.stringify(value)}`);
}

// The payload as JSON with placeholders, and the attachments.
function plain({ type, nsp, id, data }) {
  const attachments = [];
  const strip = (value) => {
    if (Buffer.isBuffer(value)) return { _placeholder: true, num: attachments.push(value.toString("base64")) - 1 };
    if (Array.isArray(value)) return value.map(strip);
    if (value instanceof Date || value === null || typeof value !== "object" || value.toJSON) return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, strip(v)]));
  };
  const payload = data === undefined ? undefined : JSON.stringify(strip(data));
  return { type, nsp, id, payload, attachments };
}

const vectors = {
  recorded: `socket.io-msgpack-parser ${version("socket.io-msgpack-parser")}, notepack.io ${version("notepack.io")}`,
  packets: packets.map((p) => (decode(encode(p)), { data: encode(p), packet: plain(p) })),
  fromClients: [
    ...fromClients.map((p) => ({ data: encode(p), packet: plain(p) })),
    ...buffers.map(([sent, got]) => {
      const packet = { type: EVENT, data: ["bin", sent], nsp: "/" };
      return { data: encode(packet), packet: plain({ ...packet, data: ["bin", got] }) };
    }),
  ],
  refused: refused.map(refusal),
  stricter: stricter.map((p) => (decode(encode(p)), encode(p))),
};
process.stdout.write(JSON.stringify(vectors, null, 1) + "\n");
