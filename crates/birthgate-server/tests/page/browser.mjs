// Looks at the page in a real browser, as its arguments say: the page's address, the folder of the pictures, the browser, and the
// views. Tells what it saw as JSON on standard output; on a line of standard input it goes on.
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(process.env.MODULES + "/");
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");

const [address, pictures, executablePath, ...views] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const seen = { problems: [], foreign: [], live: false };
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

const open = async (options) => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") seen.problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => seen.problems.push(`script: ${error}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(address)) seen.foreign.push(request.url());
  });
  return page;
};

const name = (view) => view.split(/[?/]/).filter(Boolean)[0] ?? "overview";

// The pictures of the guide: what a screen shows, of views given as `name=view`, and nothing else.
if (process.env.GUIDE) {
  const { palette } = await import("./palette.mjs");
  for (const [name, view] of views.map((said) => [said.slice(0, said.indexOf("=")), said.slice(said.indexOf("=") + 1)])) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open({ viewport: { width: 1440, height: 900 }, colorScheme });
      await page.goto(address + view, { waitUntil: "load" });
      if (view === "/") await page.getByText("Live.", { exact: true }).waitFor();
      writeFileSync(`${pictures}/${name}-${colorScheme}.png`, palette(await page.screenshot()));
      await page.context().close();
    }
  }
  await browser.close();
  console.log(JSON.stringify(seen));
  process.exit(0);
}

// The page's own policy keeps axe out: where axe looks it is left aside, and at 3840 px and below it holds.
for (const [width, colorScheme] of [[1440, "light"], [1440, "dark"], [360, "light"], [360, "dark"], [3840, "light"]]) {
  for (const view of views) {
    const page = await open({ viewport: { width, height: 900 }, colorScheme, bypassCSP: width !== 3840 });
    const where = `${view} at ${width} px, ${colorScheme}`;
    const answer = await page.goto(address + view, { waitUntil: "load" });
    if (answer.status() !== 200) seen.problems.push(`${where}: ${answer.status()}`);
    if (await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)) {
      seen.problems.push(`${where}: it scrolls sideways`);
    }
    const depth = view.split("/").length > 2 ? "-one" : "";
    await page.screenshot({ path: `${pictures}/${name(view)}${depth}-${width}-${colorScheme}.png`, fullPage: true });
    if (width !== 3840) {
      await page.addScriptTag({ path: axe });
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      for (const one of violations) {
        seen.problems.push(`${where}: ${one.id}: ${one.help}: ${one.nodes.map((node) => node.target).slice(0, 3).join(" ")}`);
      }
    }
    await page.context().close();
  }
}

// By keyboard: the first stop skips the navigation.
const page = await open({ viewport: { width: 1440, height: 900 } });
await page.goto(address + "/");
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
if ((await page.evaluate(() => document.activeElement.id)) !== "main") seen.problems.push("the skip link leads nowhere");

// Live: whoever runs this bears something once the page listens.
await page.getByText("Live.", { exact: true }).waitFor();
const before = await page.locator("section[aria-labelledby=births]").textContent();
console.log("listening");
await lines.next();
await page.waitForFunction(
  (before) => document.querySelector("section[aria-labelledby=births]").textContent !== before,
  before,
  { timeout: 15000 },
);
seen.live = true;

// Without its script the page shows the same.
const plain = await browser.newContext({ javaScriptEnabled: false });
const still = await plain.newPage();
await still.goto(address + "/");
if (!(await still.locator("section[aria-labelledby=births]").textContent())) seen.problems.push("empty without its script");

await browser.close();
console.log(JSON.stringify(seen));
process.exit(0);
