// Packs the browser bundles of the npm package socket.io into dist:
// node update.mjs ../../e2e/js/node_modules/socket.io
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const from = process.argv[2];
const to = join(import.meta.dirname, "dist");
rmSync(to, { recursive: true, force: true });
mkdirSync(to);
for (const name of readdirSync(join(from, "client-dist"))) {
  writeFileSync(join(to, `${name}.gz`), gzipSync(readFileSync(join(from, "client-dist", name)), { level: 9 }));
}
copyFileSync(join(from, "LICENSE"), join(import.meta.dirname, "LICENSE"));
const { version } = JSON.parse(readFileSync(join(from, "package.json")));
writeFileSync(join(to, "version"), version);
