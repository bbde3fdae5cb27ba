// What a person waits for at the first list: bytes and time of a cold view, and of one more order. `make bench`
// runs it: node test/first_list.mjs URL PATH, the session cookie (name=value) in COOKIE; prints one line of JSON.
import { chromium } from "playwright-core";

const [url, path] = process.argv.slice(2);
const cookie = process.env.COOKIE ?? "";
const at = cookie.indexOf("=");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--ignore-certificate-errors"] });
const views = [];
const sorts = [];
let rows = 0;
for (let round = 0; round < 7; round++) {
  // A context of its own has an empty cache.
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ignoreHTTPSErrors: true });
  // A __Host- cookie is set only for https; Chromium sends it to http://localhost all the same.
  await context.addCookies([{ name: cookie.slice(0, at), value: cookie.slice(at + 1), url: url.replace(/^http:/, "https:"), secure: true }]);
  const page = await context.newPage();
  const network = await context.newCDPSession(page);
  let bytes = 0;
  network.on("Network.loadingFinished", (e) => (bytes += e.encodedDataLength));
  await network.send("Network.enable");
  const started = performance.now();
  await page.goto(url + path, { waitUntil: "load" });
  const seconds = (performance.now() - started) / 1000;
  rows = await page.locator("#rows tbody tr").count();
  if (!rows) throw new Error(`no rows at ${page.url()}: ${(await page.locator("body").innerText()).slice(0, 200)}`);
  await page.waitForTimeout(500);
  views.push({ seconds, bytes });
  const took = await page.evaluate(async () => {
    const link = [...document.querySelectorAll("#rows th:not([aria-sort]) a[hx-get]")][0];
    const order = () => [...document.querySelectorAll("#rows th[aria-sort]")].map((h) => h.textContent).join();
    const before = order();
    const started = performance.now();
    link.click();
    for (;;) {
      await new Promise(requestAnimationFrame);
      if (order() !== before) return performance.now() - started;
      if (performance.now() - started > 20000) throw new Error("the order never came");
    }
  });
  sorts.push(took);
  await context.close();
}
await browser.close();
const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(JSON.stringify({ rows, kb: middle(views.map((v) => v.bytes)) / 1000, seconds: middle(views.map((v) => v.seconds)), sort_ms: middle(sorts) }));
