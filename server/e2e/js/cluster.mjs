// Two clients on two servers of a cluster: node cluster.mjs '{"urls":[…],"mode":…}'.
import { io } from "socket.io-client";
import { Clients, bytes, plain, same } from "./clients.mjs";
import { report } from "./report.mjs";

const { urls, mode } = JSON.parse(process.argv[2]);
const sides = urls.map((url) => new Clients({ url, mode, io }));
let error = null;
try {
  const [a, b] = await Promise.all(sides.map((clients) => clients.open()));
  await Promise.all([a, b].map((socket) => socket.emitWithAck("join", "panel")));
  a.on("question", (x, answer) => answer({ a: x }));
  b.on("question", (x, answer) => answer({ b: x }));

  const question = { text: "?", data: bytes(5) };
  const { answers, complete } = await a.emitWithAck("ask-all", { room: "panel", question, within: 5000 });
  const sorted = (list) => plain(list).map((x) => JSON.stringify(x)).sort();
  same([sorted(answers), complete], [sorted([{ a: question }, { b: question }]), true], "answers of both servers");

  for (let i = 0; i < 100; i++) a.emit("cast", { to: ["panel"] }, [i, bytes(3, i)]);
  for (let i = 0; i < 100; i++) same((await sides[1].next(b, "cast"))[0], [i, bytes(3, i)], "cast");
  same(sides[0].count(a, "cast"), 0, "casts that came back");
} catch (cause) {
  error = String(cause?.stack ?? cause);
}
for (const clients of sides) clients.close();
await report({ error });
process.exit(0);
