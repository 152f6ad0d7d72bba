// Order, completeness and addressing.
import { pause, same, until } from "./clients.mjs";

const numbers = (n) => Array.from({ length: n }, (_, i) => i);

export const delivery = {
  async "order across the upgrade while both sides send"(clients, { rounds }) {
    for (let round = 0; round < rounds; round++) {
      const socket = clients.create();
      await clients.connected(socket);
      socket.emit("stream", { n: 1200 });
      let sent = 0;
      for (let more = 60; more > 0; more -= clients.settled(socket) ? 1 : 0) {
        for (let i = 0; i < 3; i++) {
          socket.emit("echo", sent);
          socket.emit("count", sent++);
        }
        await pause(sent % 5 === 0 ? 1 : 0);
        if (sent > 100_000) throw new Error("no upgrade");
      }
      same(await socket.emitWithAck("counted"), { counted: sent, misplaced: 0 }, "at the server");
      await clients.next(socket, "stream-end");
      same(clients.received(socket, "tick"), numbers(1200), "ticks");
      same(clients.received(socket, "echo"), numbers(sent), "echoes");
      socket.disconnect();
    }
  },

  async "bursts of 200 come back complete and in order"(clients, { rounds }) {
    const sockets = await Promise.all(numbers(4).map(() => clients.open()));
    for (let round = 0; round < rounds; round++) {
      for (const socket of sockets) for (const i of numbers(200)) socket.emit("echo", i);
      for (const socket of sockets) {
        const echoes = [];
        while (echoes.length < 200) echoes.push((await clients.next(socket, "echo"))[0]);
        same(echoes, numbers(200), "echoes");
      }
    }
  },

  async "events sent before the connection stands are delivered first"(clients) {
    const socket = clients.create();
    for (const i of numbers(50)) socket.emit("echo", i);
    await clients.connected(socket);
    for (const i of numbers(50)) socket.emit("echo", 50 + i);
    const echoes = [];
    while (echoes.length < 100) echoes.push((await clients.next(socket, "echo"))[0]);
    same(echoes, numbers(100), "echoes");
  },

  async "rooms, except, and the sender left out"(clients) {
    const [a, b, c, d] = await Promise.all(numbers(4).map(() => clients.open()));
    await b.emitWithAck("join", "red");
    await c.emitWithAck("join", "red");
    await c.emitWithAck("join", "blue");
    await d.emitWithAck("join", "blue");
    const all = [a, b, c, d];
    // Each client's own echo comes after the cast on its connection, if one came: a fence, not a wait.
    const got = async (cast) => {
      a.emit("cast", cast, "x");
      await a.emitWithAck("ack", 0);
      await Promise.all(all.map((s) => s.emitWithAck("ack", 0)));
      return all.map((s) => clients.received(s, "cast").length).join("");
    };
    same(await got({}), "0111", "broadcast");
    same(await got({ to: ["red"] }), "0110", "one room");
    same(await got({ to: ["red", "blue"] }), "0111", "two rooms, each once");
    same(await got({ to: ["red"], except: ["blue"] }), "0100", "except");
    same(await got({ except: ["red"] }), "0001", "all but a room");
    same(await got({ to: [b.id, a.id] }), "0100", "ids are rooms");
    same(await got({ to: ["nobody"] }), "0000", "empty room");
    same(await got({ self: true }), "1111", "the namespace");
    same(await got({ self: true, to: ["blue"], except: [d.id] }), "0010", "the namespace's room");
    await c.emitWithAck("leave", "red");
    same(await got({ to: ["red"] }), "0100", "after leaving");
  },

  async "binary broadcasts"(clients) {
    const [a, b, c] = await Promise.all(numbers(3).map(() => clients.open()));
    for (const i of numbers(20)) a.emit("cast", {}, { i, blob: Uint8Array.of(i, i) });
    for (const socket of [b, c]) {
      for (const i of numbers(20)) {
        same((await clients.next(socket, "cast"))[0], { i, blob: Uint8Array.of(i, i) }, "cast");
      }
    }
  },

  async "a burst of broadcasts arrives everywhere, in order"(clients, { crowd }) {
    const sockets = await Promise.all(numbers(crowd).map(() => clients.open()));
    sockets[0].emit("burst", 200);
    for (const socket of sockets) {
      await until(() => socket.connected === false || clients.count(socket, "burst") >= 200, "200 broadcasts");
      same(clients.received(socket, "burst"), numbers(200), "broadcasts");
    }
  },

  async "volatile reaches a client that listens, whole or not at all"(clients) {
    const [a, b] = await Promise.all(numbers(2).map(() => clients.open()));
    // On polling an event may fall between two requests, so it is sent until one arrives.
    for (let i = 0; clients.count(b, "cast") < 3; i++) {
      if (i > 500) throw new Error("no volatile event arrived");
      a.emit("cast", { volatile: true }, [i, Uint8Array.of(i & 255)]);
      await pause(5);
    }
    const seen = clients.received(b, "cast");
    for (const [i, blob] of seen) same(blob, Uint8Array.of(i & 255), "blob");
    same(seen.map(([i]) => i), seen.map(([i]) => i).sort((x, y) => x - y), "order");
  },
};
