// Opening clients, waiting for what they receive, and comparing it.

const patience = 10_000; // milliseconds; a bound for what never comes, not a wait

export const modes = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
  webtransport: ["webtransport"],
  "webtransport-upgrade": ["polling", "webtransport"],
  // Of clients 2.x alone: see old.mjs.
  base64: ["polling", "websocket"],
  jsonp: ["polling"],
};

// Clients are the sockets of one scenario; close ends them all.
export class Clients {
  #settings;
  #sockets = [];
  #inbox = new Map(); // socket -> event -> {arrived, waiting}

  constructor(settings) {
    this.#settings = settings;
  }

  get upgrades() {
    return this.#transports.length > 1;
  }

  // settled reports whether the socket is on the transport that it stays on.
  settled(socket) {
    return socket.io.engine.transport.name === this.#transports.at(-1);
  }

  get #transports() {
    return modes[this.#settings.mode];
  }

  // create starts a client on a connection of its own.
  create(namespace = "/", options = {}) {
    return this.adopt(this.#settings.io(this.#settings.url + namespace, {
      transports: this.#transports,
      transportOptions: trust(this.#settings.certificate),
      forceNew: true,
      reconnection: false,
      ...options,
    }));
  }

  // adopt keeps what the socket receives until next asks for it.
  adopt(socket) {
    const events = new Map();
    const keep = (event, args) => {
      const { arrived, waiting } = this.#box(socket, event);
      if (waiting.length > 0) waiting.shift()(args);
      else arrived.push(args);
    };
    this.#sockets.push(socket);
    this.#inbox.set(socket, events);
    socket.onAny((event, ...args) => keep(event, args));
    for (const event of ["connect", "connect_error", "disconnect"]) {
      socket.on(event, (...args) => keep(event, args));
    }
    return socket;
  }

  // open resolves when the client is connected and, in an upgrade mode, upgraded.
  async open(namespace, options) {
    const socket = this.create(namespace, options);
    await this.connected(socket);
    if (this.upgrades) await this.upgraded(socket);
    return socket;
  }

  async connected(socket) {
    const refused = this.next(socket, "connect_error");
    refused.catch(() => {});
    const error = await Promise.race([this.next(socket, "connect").then(() => null), refused.then(([cause]) => cause)]);
    if (error) throw error;
    return socket;
  }

  async upgraded(socket) {
    if (this.settled(socket)) return;
    await within(new Promise((done) => socket.io.engine.once("upgrade", done)), patience, "the upgrade");
  }

  // next resolves to the arguments of the oldest such event that was not asked for yet.
  next(socket, event) {
    const { arrived, waiting } = this.#box(socket, event);
    if (arrived.length > 0) return Promise.resolve(arrived.shift());
    return within(new Promise((done) => waiting.push(done)), patience, `event "${event}"`);
  }

  count(socket, event) {
    return this.#box(socket, event).arrived.length;
  }

  // received takes away and returns the first argument of all such events so far.
  received(socket, event) {
    return this.#box(socket, event).arrived.splice(0).map(([first]) => first);
  }

  close() {
    for (const socket of this.#sockets) socket.disconnect().io.engine?.close();
  }

  #box(socket, event) {
    const events = this.#inbox.get(socket);
    if (!events.has(event)) events.set(event, { arrived: [], waiting: [] });
    return events.get(event);
  }
}

// trust makes WebTransport accept the certificate with that SHA-256 hash, an array of bytes.
function trust(hash) {
  if (!hash) return {};
  const value = Uint8Array.from(hash).buffer;
  return { webtransport: { serverCertificateHashes: [{ algorithm: "sha-256", value }] } };
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export function within(promise, ms, what) {
  const { stack } = new Error(); // where the waiting began, which the timer cannot know
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(`${what} did not come within ${ms} ms\n${stack}`), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// until polls a condition that has no event of its own.
export async function until(condition, what) {
  const deadline = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not come true`);
    await pause(2);
  }
}

// bytes is binary data of a known pattern.
export function bytes(length, seed = 1) {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff);
}

// plain turns every kind of binary (Buffer in Node, ArrayBuffer in browsers) into one comparable form.
export function plain(value) {
  if (value instanceof ArrayBuffer) value = new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return { bytes: Array.from(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

export function same(got, want, what) {
  const [a, b] = [got, want].map((value) => JSON.stringify(plain(value)) ?? "undefined");
  if (a !== b) throw new Error(`${what}: got ${shorten(a)}, want ${shorten(b)}`);
}

function shorten(text) {
  return text.length <= 300 ? text : `${text.slice(0, 300)}… (${text.length} characters)`;
}
