// Runs the scenarios in Chromium: node chromium.mjs '{"url":…,"modes":[…],"browser":…}'.
import { chromium } from "playwright-core";
import { report } from "./report.mjs";

const { url, modes, browser: executablePath, ...settings } = JSON.parse(process.argv[2]);

const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox", // Chromium refuses its sandbox to root, which test machines often are
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
for (const mode of modes) {
  const page = await browser.newPage();
  await page.exposeFunction("report", (line) => report({ mode, ...line }));
  page.on("pageerror", (error) => {
    // The official client leaves promises of a WebTransport that ends without a handler.
    if (mode.startsWith("webtransport") && /WebTransport|stream was aborted/.test(error)) return;
    report({ mode, name: "page", error: String(error), ms: 0 });
  });
  await page.goto(url);
  await page.waitForFunction(() => window.run);
  await page.evaluate((given) => window.run({ ...given, report: window.report }), { ...settings, mode });
  await page.close();
}
await browser.close();
