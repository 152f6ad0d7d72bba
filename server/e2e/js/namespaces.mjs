// Dynamic namespaces, and what stands before an event's handler.
import { same } from "./clients.mjs";

export const namespaces = {
  async "dynamic namespaces: apart from each other, and one through their parent"(clients) {
    const one = await clients.open("/numbered-1");
    const two = await clients.open("/numbered-2");
    same(await clients.next(one, "you"), ["/numbered-1"], "name of the first");
    same(await clients.next(two, "you"), ["/numbered-2"], "name of the second");
    one.emit("here", "only one");
    same(await clients.next(one, "here"), ["only one"], "the namespace's own");
    two.emit("all", "both");
    same(await clients.next(one, "all"), ["both"], "the parent's, first");
    same(await clients.next(two, "all"), ["both"], "the parent's, second");
    same(clients.count(two, "here"), 0, "what the second has of the first");
  },

  async "a dynamic namespace is left and joined again"(clients) {
    const main = await clients.open(); // clients before 4.0 take the end of an old connection for that of the next
    const socket = clients.adopt(main.io.socket("/numbered-77", {}));
    await clients.connected(socket);
    for (let i = 0; i < 5; i++) {
      socket.disconnect();
      await main.emitWithAck("ack", i); // Node would overlook a CONNECT that comes at once
      socket.connect();
      await clients.connected(socket);
      socket.emit("echo", i);
      same(await clients.next(socket, "echo"), [i], "echo");
    }
  },

  async "names and credentials that match no parent are refused"(clients) {
    const refused = async (namespace, auth) => {
      const [error] = await clients.next(clients.create(namespace, { auth }), "connect_error");
      same(error.message, "Invalid namespace", namespace);
    };
    await refused("/numbered-x");
    await refused("/secret-2", { token: "guess" });
    const socket = await clients.open("/secret-1", { auth: { token: "letmein" } });
    socket.emit("echo", 1);
    same(await clients.next(socket, "echo"), [1], "echo");
  },

  async "middlewares of events, listeners for any event, and one that listens once"(clients) {
    const socket = await clients.open("/watched");
    const teapot = { code: "teapot", message: "short and stout" };
    same(await socket.emitWithAck("forbidden"), { ok: false, error: teapot }, "refused, ack");
    socket.emit("forbidden", 1);
    same(await clients.next(socket, "error"), [teapot], "refused, event");
    same(await new Promise((done) => socket.emit("unknown", 1, "two", (...args) => done(args))), [1, "two"], "unknown");
    socket.emit("once", "a");
    socket.emit("once", "b");
    same(await clients.next(socket, "once"), ["a"], "once");
    socket.emit("all", 7);
    same(await clients.next(socket, "all"), [7], "broadcast");
    same(await socket.emitWithAck("seen"), {
      incoming: ["forbidden", "forbidden", "unknown", "once", "once", "all", "seen"],
      outgoing: ["error", "once", "all"],
    }, "seen");
    same(clients.count(socket, "once"), 0, "events after once");
  },

  async "the transport of a socket"(clients) {
    const socket = await clients.open("/watched");
    same(await socket.emitWithAck("transport"), socket.io.engine.transport.name, "transport");
  },
};
