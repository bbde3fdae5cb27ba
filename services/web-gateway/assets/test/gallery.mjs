// Looks at every drawn page: screenshots at 360 and 1440 px, light and dark; axe; sideways scroll; script errors and
// broken policy. `npm run gallery -- PAGES_DIRECTORY [SCREENSHOT_DIRECTORY] [name …]`
import { mkdir, readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serve } from "./server.mjs";

const [pages, shots = "", ...only] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const { url, close } = await serve(pages);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
if (shots) await mkdir(shots, { recursive: true });

const found = [];
/** No sideways scroll, no table cut off. */
async function fits(page, at) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) found.push(`${at}: scrolls sideways by ${wide} px`);
  const clipped = await page.evaluate(() => [...document.querySelectorAll(".table-box")].filter((b) => getComputedStyle(b).overflowX === "clip" && b.scrollWidth > b.clientWidth).length);
  if (clipped) found.push(`${at}: a table is cut off`);
}
async function accessible(page, at) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const v of violations) found.push(`${at}: axe ${v.id}: ${v.nodes.map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`).slice(0, 3).join(" | ")}`);
}

// First that mistakes are found at all: in a page that has none, each kind is planted.
const planted = await browser.newPage({ viewport: { width: 360, height: 740 } });
await planted.goto(`${url}/login`);
await planted.evaluate(() => {
  const add = (tag) => document.querySelector("main").appendChild(document.createElement(tag));
  add("img").src = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
  add("input");
  Object.assign(add("p"), { textContent: "hard to read" }).style.cssText = "color: #777; background: #888";
  add("div").style.cssText = "width: 900px; height: 1px";
});
await fits(planted, "planted");
await accessible(planted, "planted");
await planted.close();
for (const mistake of ["scrolls sideways", "axe image-alt", "axe label", "axe color-contrast"]) {
  if (!found.some((line) => line.includes(mistake))) throw new Error(`a planted mistake is not found: ${mistake}\n${found.join("\n")}`);
}
found.length = 0;

const names = (await readdir(pages)).filter((f) => f.endsWith(".html")).map((f) => f.slice(0, -5)).filter((n) => !only.length || only.includes(n));
for (const name of names) {
  for (const width of shots ? [360, 1440] : [360, 700, 1024, 1280, 1440, 1920]) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport: { width, height: width === 360 ? 740 : 900 }, colorScheme, bypassCSP: false });
      const page = await context.newPage();
      const at = `${name} ${width} ${colorScheme}`;
      page.on("pageerror", (error) => found.push(`${at}: ${error.message}`));
      page.on("console", (message) => {
        if (message.type() === "error" && !/404|Failed to load resource/.test(message.text())) found.push(`${at}: ${message.text()}`);
      });
      await page.goto(`${url}/${name}`);
      await page.waitForLoadState("load");
      await fits(page, at);
      if (shots) await page.screenshot({ path: join(shots, `${name}-${width}-${colorScheme}.png`) });
      if (shots && width === 1440 && colorScheme === "light") await page.screenshot({ path: join(shots, `${name}-full.png`), fullPage: true });
      await accessible(page, at);
      await context.close();
    }
  }
}
await browser.close();
close();
for (const line of found) console.error(line);
console.log(`${names.length} pages, ${found.length} findings`);
process.exit(found.length ? 1 : 0);
