// Records what the reference parser makes of Socket.IO packets, for vectors_test.go.
//
//   npm install --no-save socket.io-parser@4.2.7     (in any directory)
//   node <here>/record.mjs > <here>/vectors.json     (in that directory)
//
// The same version always writes the same bytes.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "record.cjs"));
const { Encoder, Decoder } = require("socket.io-parser");
const { version } = JSON.parse(
  require("node:fs").readFileSync(path.join(process.cwd(), "node_modules/socket.io-parser/package.json"), "utf8"),
);

const CONNECT = 0, DISCONNECT = 1, EVENT = 2, ACK = 3, CONNECT_ERROR = 4;
const bytes = (...list) => Buffer.from(list);

const encodes = [
  { type: CONNECT, nsp: "/" },
  { type: CONNECT, nsp: "/", data: { sid: "wZX3oN0bSVIhsaknAAAI" } },
  { type: CONNECT, nsp: "/admin" },
  { type: CONNECT, nsp: "/admin", data: { token: "123" } },
  { type: CONNECT, nsp: "/größe-世界", data: {} },
  { type: DISCONNECT, nsp: "/" },
  { type: DISCONNECT, nsp: "/admin" },
  { type: CONNECT_ERROR, nsp: "/", data: { message: "Not authorized" } },
  { type: CONNECT_ERROR, nsp: "/admin", data: { message: "no", data: { code: 401 } } },
  { type: CONNECT_ERROR, nsp: "/", data: "Unauthorized" },
  { type: EVENT, nsp: "/", data: ["a"] },
  { type: EVENT, nsp: "/", data: ["echo", { x: 1, text: "hello world" }] },
  { type: EVENT, nsp: "/", data: ["a", 1, -0.5, 1e21, 1e-7, true, false, null, "", [], {}, [[]], { a: { b: [] } }] },
  { type: EVENT, nsp: "/", data: [""] },
  { type: EVENT, nsp: "/", data: [1, "a numeric event"] },
  { type: EVENT, nsp: "/", data: [-1.5] },
  { type: EVENT, nsp: "/", id: 0, data: ["ack"] },
  { type: EVENT, nsp: "/", id: 12, data: ["ack", { _placeholder: true, num: 0 }] },
  { type: EVENT, nsp: "/admin", id: 456, data: ["project:delete", 123] },
  { type: EVENT, nsp: "/admin", id: 9007199254740991, data: ["last id"] },
  { type: EVENT, nsp: "/", data: ["grüße", "世界", "😀", "\u2028\u2029", "<a href='x'>&</a>"] },
  { type: EVENT, nsp: "/", data: ['"', "\\", "\b\f\n\r\t", "\u0000\u001f\u007f", "/"] },
  { type: EVENT, nsp: "/", data: ["a,b", "c-d", "[e]", "{f}", '{"g":"h"}'] },
  { type: ACK, nsp: "/", id: 1, data: [] },
  { type: ACK, nsp: "/admin", id: 456, data: ["ok", { n: 1 }] },
  { type: EVENT, nsp: "/", data: ["bin", bytes(1, 2, 3)] },
  { type: EVENT, nsp: "/", data: ["bin", { a: bytes(1), b: ["x", bytes(2), { c: bytes() }] }, bytes(255, 254)] },
  { type: EVENT, nsp: "/cool", id: 23, data: ["bin", bytes(0)] },
  { type: EVENT, nsp: "/", data: ["ten", ...Array.from({ length: 10 }, (_, i) => bytes(i))] },
  { type: ACK, nsp: "/", id: 7, data: [bytes(1, 2, 3, 4)] },
  { type: ACK, nsp: "/admin", id: 456, data: [{ ok: true, body: bytes(9) }] },
];

// Spellings the reference encoder does not write but its decoder takes.
const decodes = [
  "0/",
  "0/,",
  "0/admin",
  "1/admin",
  '0/admin,{"token":"1"}',
  "0/x?a=1&b=2,",
  '0/with space,{"a":1}',
  '2/,["a"]',
  '2["a"] \t\r\n',
  '2[ "a" , { "b" : [ 1 , 2 ] } ]',
  '2007["leading zeros"]',
  '501-["a",{"_placeholder":true,"num":0}]',
  '2["\\u0061\\u00e9\\ud83d\\ude00\\/\\b"]',
  '2["\\ud800"]',
  '2["\\ud83dnude00"]',
  '2["a",{"k":1,"k":2}]',
  '2["a",1E5,1e+5,1e-5,0.10,-0,1e999]',
  '2["a",{"__proto__":1,"constructor":2}]',
  '2["Connect"]',
  '2["message "]',
  '35["a"]',
  '05{"id on a connect packet":1}',
  "19",
  '3["no id"]',
  '51-["a"]',
  '52-["one buffer twice",{"_placeholder":true,"num":1},{"_placeholder":true,"num":1}]',
  '51-["a",{"num":0,"_placeholder":true}]',
  '51-["a",{ "_placeholder" : true , "num" : 0 }]',
  '51-["a",{"_placeholder":true,"n\\u0075m":0}]',
  '51-["a",{"_placeholder":true,"num":0,"more":1}]',
  '51-["a",{"_placeholder":"true","num":99}]',
  '51-["a",{"_placeholder":1}]',
  '51-["a",{"_placeholder":false,"num":"splice"}]',
  '51-["a",{"num":5,"num":6}]',
  '51-["a","_placeholder",{"placeholder":true,"num":4}]',
  '61-/admin,3[{"_placeholder":true,"num":0}]',
  "6" + '1-["an acknowledgement",{"_placeholder":true,"num":0}]',
];

// What the reference refuses, at the latest when the attachments are there.
const refused = [
  "7", "9", "a", "-", "[]", '"2"', "é",
  "0[]", "0null", "01.5", '0"a"', "0true", '0{"a"', "0{a:1}", "0{'a':1}",
  "0\0", "1\0", "2\0", "1{}", "1[]", "1/admin,{}", "1x", '1"a"',
  "2{}", "2null", '2"a"', "2[]", "2[null]", "2[true]", "2[[]]", "2[{}]", '2[{"toString":"foo"}]',
  '2["a"', '2["a"]]', '2["a"]x', '2["a"] 1', '2["a",]', '2[,"a"]', '2["a"  "b"]', '2["a"}', '2["a",undefined]', '2["a",NaN]', '2["a",Infinity]',
  '2["a",01]', '2["a",+1]', '2["a",.5]', '2["a",1.]', '2["a",1e]', '2["a",1e+]', '2["a",-]', '2["a",0x1]', '2["a",--1]', '2["a",1_000]',
  '2["a",tru]', '2["a",True]', '2["a",nul]', '2["a",falsey]',
  "2['a']", '2["a', '2["a\\"]', '2["\\x61"]', '2["\\u12"]', '2["\\u12g4"]', '2["\\U0061"]', '2["a\nb"]', '2["a\tb"]', '2["\u0000"]', '2["\u001f"]',
  '2["a",{"b"}]', '2["a",{"b":}]', '2["a",{"b":1,}]', '2["a",{,}]', '2["a",{1:2}]', '2["a",{"b" 1}]', '2["a",{"b":1 "c":2}]', '2["a",[1,]]', '2["a",[}]',
  '2["a"]//', '2["a",/*c*/1]', "\ufeff" + '2["a"]', '2["a",\ufeff1]', '2["a",\u00a01]',
  '2["connect"]', '2["connect_error"]', '2["disconnect"]', '2["disconnecting"]', '2["newListener"]', '2["removeListener"]', '2["\\u0063onnect"]',
  '21e3["a"]', '2-1["a"]', '21.5["a"]', '2admin,["a"]', '2,["a"]', '2/admin,1,["a"]',
  "3{}", "3null", '3"a"', "31{}", "35x",
  "4[]", "4null", "41.5", "4true", '4"a', "4{",
  "5", "6", "5-", "6-", "51", '51["a"]', '5["a"]', '50-["a"]', "60-[]", '5-1-["a"]', '51.5-["a"]', '5a-["a"]', '51a-["a"]', '51/admin,["a"]', '511-["a"]', "611-[]",
  '5999999999999999999999-["a"]', "51-{}", "51-[]", '51-["connect",{"_placeholder":true,"num":0}]', "51-[null]", "61-{}",
  '51-["a",{"_placeholder":true,"num":"splice"}]', '51-["a",{"_placeholder":true,"num":"0"}]', '51-["a",{"_placeholder":true}]', '51-["a",{"_placeholder":true,"num":null}]',
  '51-["a",{"_placeholder":true,"num":1}]', '51-["a",{"_placeholder":true,"num":-1}]', '51-["a",{"_placeholder":true,"num":1e9}]', '51-["a",{"_placeholder":true,"num":[0]}]',
  '61-[{"_placeholder":true,"num":1}]', '51-["a",{"b":[{"_placeholder":true,"num":7}]}]', '51-["a",{"\\u005fplaceholder":true,"num":7}]',
];

// What the reference takes and we do not; the test holds the reasons.
const stricter = [
  "", " ", '\t{"a":1}', "2", "3", "31", "4", "51-", "61-/admin,", '2/admin["no comma"]',
  '2 ["a"]', '21 ["a"]', '2\n["a"]', '2\ufeff["a"]',
  '5 1-["a"]', '51e0-["a"]', '50x1-["a"]', '51.0-["a"]', '5+1-["a"]',
  '29007199254740992["a"]', '2123456789012345678901234567890["a"]',
  '2["a",' + "[".repeat(64) + "]".repeat(64) + "]",
  "0/" + "n".repeat(255),
  '2["' + "e".repeat(129) + '"]',
  "2[1" + "0".repeat(128) + "]",
  '51-["a",{"_placeholder":true,"num":0.5}]', '51-["a",{"_placeholder":true,"num":-0}]', '51-["a",{"_placeholder":true,"num":0.0}]', '51-["a",{"_placeholder":true,"num":0e0}]',
  '51-["a",{"\\u005fplaceholder":true,"n\\u0075m":0}]', '51-["a",{"_placeholder":true,"num":1,"num":0}]', '51-["a",{"_placeholder":true,"_placeholder":true,"num":0}]', '51-["a",{"_placeholder":true,"_placeholder":false,"num":0}]',
  '51-["a",{"_placeholder":true,"num":0,"in":{"_placeholder":true,"num":0}}]',
];

const strings = [
  "", "a", "hello world", '"', "\\", "/", "\b\f\n\r\t", "\u0000\u0001\u000b\u001f", "\u007f\u0080\u00a0", "grüße", "世界", "😀", "\u2028\u2029", "<&>'", "\ufffd", 'mixed "é"\n\\😀\u0007 end',
];

// Attachments are 1, 2, 3 … bytes long, so that each can be told from the others.
const attachment = (i) => Buffer.alloc(i + 1, i);

function decode(text, buffers) {
  const decoder = new Decoder();
  let packet;
  decoder.on("decoded", (p) => (packet = p));
  decoder.add(text);
  for (let i = 0; !packet; i++) decoder.add(buffers ? buffers[i] : attachment(i));
  return packet;
}

// Buffers become {"$bytes": base64}.
function marked(value) {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString("base64") };
  if (Array.isArray(value)) return value.map(marked);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, marked(v)]));
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  return value;
}
const plain = ({ type, nsp, id, data }) => ({ type, nsp, id, data: marked(data) });

function refusal(text) {
  try {
    decode(text);
  } catch (e) {
    return e.message;
  }
  throw new Error(`accepted: ${JSON.stringify(text)}`);
}

const vectors = {
  recorded: `socket.io-parser ${version}`,
  encodes: encodes.map((p) => {
    const result = plain(p);
    const [text, ...buffers] = new Encoder().encode(p);
    return { text, attachments: buffers.map((b) => b.toString("base64")), packet: result, decoded: plain(decode(text, buffers)) };
  }),
  decodes: decodes.map((text) => ({ text, decoded: plain(decode(text)) })),
  refused: refused.map((text) => ({ text, message: refusal(text) })),
  stricter: stricter.map((text) => (decode(text), text)),
  strings: strings.map((value) => ({ value, quoted: JSON.stringify(value) })),
};
process.stdout.write(JSON.stringify(vectors, null, 1) + "\n");
