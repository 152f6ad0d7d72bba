// How connections end: the reason each side sees.
import { pause, same, within } from "./clients.mjs";

export const endings = {
  async "disconnect(true) from a handler: the client sees the server's word every time"(clients, { kicks }) {
    const watch = await clients.open();
    for (let i = 0; i < kicks; i++) {
      const socket = clients.create();
      await clients.connected(socket);
      // Every second one is kicked as early as it can be, in the middle of the upgrade.
      if (clients.upgrades && i % 2 === 1) await clients.upgraded(socket);
      const { id } = socket;
      socket.emit("kick", true);
      same((await clients.next(socket, "disconnect"))[0], "io server disconnect", `kick ${i}`);
      same(await watch.emitWithAck("reason-of", id), "server namespace disconnect", `reason ${i}`);
    }
  },

  async "disconnect(true) ends every namespace of the connection"(clients) {
    const main = await clients.open();
    const custom = clients.adopt(main.io.socket("/custom", {}));
    await clients.connected(custom);
    main.emit("kick", true);
    same((await clients.next(main, "disconnect"))[0], "io server disconnect", "main");
    same((await clients.next(custom, "disconnect"))[0], "io server disconnect", "custom");
  },

  async "disconnect(false) ends one namespace only"(clients) {
    const main = await clients.open();
    const custom = clients.adopt(main.io.socket("/custom", {}));
    await clients.connected(custom);
    const { id } = custom;
    custom.emit("kick", false);
    same((await clients.next(custom, "disconnect"))[0], "io server disconnect", "custom");
    same(await main.emitWithAck("reason-of", id), "server namespace disconnect", "reason");
    same(main.connected, true, "main namespace connected");
  },

  async "what was emitted before a disconnect arrives before it"(clients) {
    for (let i = 0; i < 10; i++) {
      const socket = clients.create();
      await clients.connected(socket);
      const order = [];
      socket.on("echo", (n) => order.push(n));
      socket.on("disconnect", (reason) => order.push(reason));
      for (let n = 0; n < 50; n++) socket.emit("echo", n);
      socket.emit("kick", true);
      await clients.next(socket, "disconnect");
      same(order, [...Array(50).keys(), "io server disconnect"], "order");
    }
  },

  async "the client leaves: by disconnect, by closing, by losing the line"(clients, { mode, node }) {
    const watch = await clients.open();
    const hasty = mode.startsWith("webtransport"); // its end overtakes what was sent before
    const leave = async (act) => {
      const socket = await clients.open();
      const { id } = socket;
      if (hasty) await socket.emitWithAck("ack", 0);
      act(socket);
      const [reason] = await clients.next(socket, "disconnect");
      return [reason, await within(watch.emitWithAck("reason-of", id), 5000, "the server's reason")];
    };
    const [reason, seen] = await leave((s) => s.disconnect());
    same(reason, "io client disconnect", "disconnect");
    if (!hasty || seen !== "transport close") same(seen, "client namespace disconnect", "disconnect at the server");
    same(await leave((s) => s.io.engine.close()), ["forced close", "transport close"], "engine close");
    if (mode !== "polling" && node) {
      same(await leave((s) => s.io.engine.transport.ws.terminate()), ["transport close", "transport close"], "lost");
    }
  },

  async "a message over the limit ends its own connection"(clients, { mode }) {
    const watch = await clients.open();
    const socket = await clients.open();
    const { id } = socket;
    socket.emit("echo", "x".repeat(1_100_000));
    const [reason] = await clients.next(socket, "disconnect");
    const seen = await within(watch.emitWithAck("reason-of", id), 5000, "the server's reason");
    if (mode === "polling") same([reason, seen], ["transport error", "transport close"], "reasons");
    else if (mode.startsWith("webtransport")) same([reason, seen], ["transport close", "parse error"], "reasons");
    else same([reason, seen], ["transport close", "transport error"], "reasons");
    same(await watch.emitWithAck("ack", 1), 1, "the other client's ack");
  },

  async "a client comes back by itself and works"(clients) {
    const socket = clients.create("/", { reconnection: true, reconnectionDelay: 10 });
    await clients.connected(socket);
    for (let i = 0; i < 3; i++) {
      if (clients.upgrades) await clients.upgraded(socket);
      const before = socket.id;
      socket.io.engine.close();
      await clients.connected(socket);
      if (socket.id === before) throw new Error("the id was used again");
      same(await socket.emitWithAck("ack", i), i, "ack");
    }
  },

  async "a client that comes and goes at once"(clients) {
    for (let i = 0; i < 30; i++) {
      const socket = clients.create();
      if (i % 3 === 0) await pause(i % 10);
      if (i % 3 === 1) await clients.connected(socket);
      socket.disconnect();
    }
    const socket = await clients.open();
    same(await socket.emitWithAck("ack", 1), 1, "ack afterwards");
  },
};
