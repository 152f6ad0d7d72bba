// What the libraries of Node's adapters read, and would write: node nodewire.mjs. For a line {"wire","data"} on standard input, data in
// base64, reports {again}: the same, decoded and encoded by the library of the wire; or {error}.
import { createInterface } from "node:readline";
import notepack from "notepack.io";
import * as msgpack from "@msgpack/msgpack";
import { report } from "./report.mjs";

const json = { decode: (data) => JSON.parse(data.toString()), encode: (value) => Buffer.from(JSON.stringify(value)) };

for await (const line of createInterface({ input: process.stdin })) {
  const { wire, data } = JSON.parse(line);
  const bytes = Buffer.from(data, "base64");
  const library = bytes[0] === 0x7b ? json : wire === "streams" ? msgpack : notepack;
  try {
    report({ again: Buffer.from(library.encode(library.decode(bytes))).toString("base64") });
  } catch (error) {
    report({ error: String(error) });
  }
}
