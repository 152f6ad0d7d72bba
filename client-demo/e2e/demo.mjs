// Two people chat in Chromium: node demo.mjs <address of a running server>. Ends with 1 and a reason when something is not as it should be.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const patience = 20_000;
const address = process.argv[2];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), // Chromium's sandbox refuses to run as root
  ],
});
const visitors = [];
try {
  await talk(await visitor(), await visitor());
} catch (error) {
  for (const { page, complaints } of visitors) {
    console.log('a page at the end:', page.isClosed() ? 'closed' : await page.locator('body').innerText(), complaints);
  }
  throw error;
} finally {
  await browser.close();
}

async function talk(ann, ben) {
  await ann.join('Ann');
  await ann.sees('people', ['Ann']);
  await ben.join('Ben');
  await ben.sees('people', ['Ann', 'Ben']);
  await ann.sees('people', ['Ann', 'Ben']);
  await ann.sees('notices', ['Ben joined']);
  console.log('ok: both are in the lobby and see each other');

  const said = ['hello Ben', 'hello Ann', '<b>bold?</b>', '안녕하세요 👋'];
  await ann.say(said[0]);
  await ben.sees('messages', said.slice(0, 1));
  await ben.say(said[1]);
  await ann.sees('messages', said.slice(0, 2));
  await ann.say(said[2]);
  await ann.say(said[3]);
  for (const one of [ann, ben]) await one.sees('messages', said);
  await ben.sees('authors', ['Ann', 'Ben', 'Ann', 'Ann']);
  console.log('ok: each message is there once, in order, with its author');

  await ann.say('x'.repeat(1001));
  await ann.page.getByRole('alert').getByText('Message too long. Maximum 1000 characters.').waitFor();
  await ann.page.getByRole('button', { name: 'Discard' }).click();
  await ann.sees('messages', said);
  console.log("ok: the server's refusal is shown as an alert");

  await ben.context.setOffline(true);
  await ben.page.getByText('Reconnecting…').waitFor();
  said.push('while you were away');
  await ann.say('while you were away');
  await ann.sees('messages', said);
  said.push('written offline');
  await ben.say('written offline');
  await ben.page.getByText('Sending…').waitFor();
  await ben.context.setOffline(false);
  for (const one of [ann, ben]) await one.sees('messages', said);
  await ben.page.getByText('Sending…').waitFor({ state: 'detached' });
  await ann.sees('people', ['Ann', 'Ben']);
  console.log('ok: after a lost connection nothing is missing and nothing is double');

  await ann.page.reload();
  assert.equal(await ann.page.getByRole('textbox', { name: /name/i }).inputValue(), 'Ann');
  await ann.join('Ann');
  await ann.sees('messages', said);
  console.log('ok: after a reload the name is remembered and the history is there');

  await ben.page.close({ runBeforeUnload: true }); // as a visitor does
  await ann.sees('people', ['Ann']);
  await ann.page.getByRole('log').getByText('Ben left').last().waitFor();
  console.log('ok: who closes the page has left');

  for (const one of [ann, ben]) assert.deepEqual(one.complaints, []);
}

async function visitor() {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (line) => {
    const offline = line.text().includes('ERR_INTERNET_DISCONNECTED'); // what this test does to the page
    if (line.type() === 'error' && !offline) complaints.push(line.text());
  });
  await page.goto(address);

  const log = page.getByRole('log', { name: 'Conversation' });
  const views = {
    people: page.getByRole('list', { name: /who is here/i }).locator('.username'),
    messages: log.locator('.content'),
    authors: log.locator('.author'),
    notices: log.locator('.notice .text'),
  };
  const self = {
    context,
    page,
    complaints,
    async join(name) {
      const box = page.getByRole('textbox', { name: /name/i });
      await box.fill(name);
      await box.press('Enter');
      await page.getByRole('status').getByText('Connected', { exact: true }).waitFor();
    },
    async say(text) {
      const box = page.getByRole('textbox', { name: /message/i });
      await box.fill(text);
      await box.press('Enter');
    },
    async sees(view, expected) {
      const deadline = Date.now() + patience;
      for (;;) {
        const actual = await views[view].allTextContents();
        try {
          return assert.deepEqual(actual, expected, `${view}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
        } catch (error) {
          if (Date.now() > deadline) throw error;
        }
        await pause(50);
      }
    },
  };
  visitors.push(self);
  return self;
}
