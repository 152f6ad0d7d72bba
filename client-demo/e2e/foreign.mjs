// The component ChatRoom.jsx, which was written for a Node server, in Chromium: node foreign.mjs <address of a running server>. It is bundled as it
// stands, served from another origin on this machine, and finds the server where it looks for one: at localhost:3000.
import { createServer } from 'node:http';
import react from '@vitejs/plugin-react';
import { chromium } from 'playwright-core';
import { build } from 'vite';

const patience = 20_000;
const server = new URL(process.argv[2]);

const { output } = await build({
  configFile: false,
  logLevel: 'error',
  plugins: [react()],
  build: { write: false, rolldownOptions: { input: new URL('foreign.jsx', import.meta.url).pathname } },
});
const script = output.find((file) => file.type === 'chunk').code;
const web = createServer((request, response) => {
  const isScript = request.url === '/foreign.js';
  response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
  response.end(isScript ? script : '<!doctype html><div id="root"></div><script type="module" src="/foreign.js"></script>');
});
await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve));
const origin = `http://localhost:${web.address().port}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    `--host-resolver-rules=MAP localhost:3000 ${server.host}, MAP localhost 127.0.0.1`,
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), // Chromium's sandbox refuses to run as root
  ],
});
const pages = [];
try {
  const ann = await visitor('u1', 'Ann');
  await says(ann, 'is anybody there?');
  await sees(ann, 'Ann: is anybody there?'); // its own line, of which nobody acknowledges anything
  const ben = await visitor('u2', 'Ben');
  await sees(ann, 'Ben joined');
  await says(ben, 'I am, 안녕하세요 👋');
  for (const one of [ann, ben]) await sees(one, 'Ben: I am, 안녕하세요 👋');
  await ben.evaluate(() => window.leave());
  await sees(ann, 'Ben left');
  const lines = await ann.locator('div[style*="margin-bottom"]').allInnerTexts();
  if (lines.length !== 4) throw new Error(`Ann sees ${JSON.stringify(lines)}`);
  console.log('ok: own lines, the lines of others, who joins and who leaves, each once');
} catch (error) {
  for (const { page, complaints } of pages) {
    console.log('a page at the end:', page.isClosed() ? 'closed' : await page.locator('body').innerText(), complaints);
  }
  throw error;
} finally {
  await browser.close();
  web.close();
}

async function visitor(userId, username) {
  const page = await (await browser.newContext()).newPage();
  const complaints = [];
  pages.push({ page, complaints });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(`${origin}/?${new URLSearchParams({ userId, username, roomId: 'general' })}`);
  await page.getByText('Chat Room: general').waitFor({ timeout: patience });
  return page;
}

async function says(page, text) {
  await page.getByPlaceholder('Type a message...').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

async function sees(page, text) {
  await page.locator('div[style*="margin-bottom"]').filter({ hasText: text }).waitFor({ timeout: patience });
}
