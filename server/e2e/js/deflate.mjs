// Compressed messages, for a server with permessage-deflate.
import { bytes, same } from "./clients.mjs";

const sizes = [1, 100, 1000, 1023, 1024, 1025, 4096, 32_767, 32_768, 65_535, 65_536, 300_000, 900_000];

// noise cannot be compressed; its letters are of one byte.
function noise(size) {
  let seed = 1;
  return Array.from({ length: size }, () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return String.fromCharCode(0x5d + (seed & 0x1f));
  }).join("");
}

function binaryNoise(size) {
  let seed = 7;
  return Uint8Array.from({ length: size }, () => (seed = (seed * 48_271) % 2_147_483_647) & 0xff);
}

export const deflate = {
  async "compression is agreed on"(clients) {
    const socket = await clients.open();
    const { extensions } = socket.io.engine.transport.ws;
    // The library of Node has no list of parameters.
    const agreed = typeof extensions === "string" ? extensions.split(";")[0] : Object.keys(extensions)[0];
    same(agreed, "permessage-deflate", "extension");
  },

  async "echoes of every size, text and binary, with and without a pattern"(clients) {
    const socket = await clients.open();
    for (const size of sizes) {
      const values = ["z".repeat(size), noise(size), bytes(size), binaryNoise(size)];
      for (const value of values) socket.emit("echo", value);
      for (const value of values) same((await clients.next(socket, "echo"))[0], value, `${size} bytes`);
    }
  },

  async "broadcasts reach everybody"(clients, { crowd }) {
    const sockets = await Promise.all(Array.from({ length: crowd }, () => clients.open()));
    const values = [noise(5000), "z".repeat(50_000), bytes(2000), { list: Array.from({ length: 300 }, (_, i) => ({ i })) }];
    for (const value of values) sockets[0].emit("cast", { self: true }, value);
    for (const socket of sockets) {
      for (const value of values) same((await clients.next(socket, "cast"))[0], value, "cast");
    }
  },
};
