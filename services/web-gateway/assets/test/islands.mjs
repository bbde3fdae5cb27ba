// The islands in a real browser against a small made-up API: what a person would see.
// `node test/islands.mjs PAGES_DIRECTORY`
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { rfbServer } from "./rfb.mjs";
import { CSP, serve } from "./server.mjs";

const pages = process.argv[2];
const id = (n) => `5f0c6a1e-2b7d-4c7e-9d1a-${n.toString(16).padStart(12, "0")}`;
const streams = new Set();
const calls = [];
let job = { id: id(100), kind: "startup", cluster: "fra1", state: "running", object: { kind: "instance", uuid: id(3), name: "mail.example.org" }, steps: [{ name: "a", state: "succeeded" }, { name: "b", state: "submitted", ganeti_job: 48211, ganeti_status: "running" }], waiting_for: null };
let log = [{ serial: 1, time: "2026-11-22T14:03:10Z", text: "* starting the instance" }];
let startAnswer = 202;
let changed = false;
let consoleWorks = false;

const json = (response, status, body) => {
  response.writeHead(status, { "Content-Type": status >= 400 ? "application/problem+json" : "application/json" });
  response.end(JSON.stringify(body));
  return true;
};
const body = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
};

async function api(request, response, url) {
  if (url.pathname.endsWith("/events")) {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(": hello\n\n");
    streams.add(response);
    response.on("close", () => streams.delete(response));
    return true;
  }
  calls.push({ method: request.method, path: url.pathname, key: request.headers["idempotency-key"], body: await body(request) });
  if (url.pathname.endsWith("/log")) return json(response, 200, { items: log.filter((l) => l.serial > Number(url.searchParams.get("after"))) });
  if (url.pathname === `/api/v1/jobs/${id(100)}`) return json(response, 200, job);
  if (url.pathname.endsWith("/startup") && startAnswer !== 202) return json(response, startAnswer, { title: "fra1 is read-only in gwm", detail: "Add a write credential.", code: "read_only", request_id: "r1" });
  if (request.method === "POST" || request.method === "DELETE") {
    if (url.pathname.endsWith("/consoles") && consoleWorks) return json(response, 200, { websocket_url: screen.url, ticket: "tick3t", expires_at: "2026-11-22T14:03:40Z" });
    if (url.pathname.endsWith("/consoles")) return json(response, 409, { title: "This instance does not run", detail: "Start it first.", code: "not_running" });
    return json(response, 202, job);
  }
  return false;
}

const screen = await rfbServer();
const { url, close } = await serve(pages, api);
const send = (type, object) => {
  for (const stream of streams) stream.write(`id: 7\ndata: ${JSON.stringify({ type: `org.ganeti.gwm.${type}.v1`, data: { object } })}\n\n`);
};
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ["clipboard-read", "clipboard-write"] });
const page = await context.newPage();
const problems = [];
page.on("pageerror", (error) => problems.push(error.message));
page.on("console", (m) => /Content Security Policy/.test(m.text()) && problems.push(m.text()));
// A refetch of the list answers with another status for one row, once `changed` is set.
let refetches = 0;
let refetchFails = 0;
let changing = false;
await page.route(`${url}/instances*`, async (route) => {
  if (route.request().headers()["gwm-fragment"]) refetches++;
  if (route.request().headers()["gwm-fragment"] && refetchFails-- > 0) return route.fulfill({ status: 503, body: "" });
  let html = await readFile(join(pages, "instances.html"), "utf8");
  if (changed) html = html.replace(/(data-object="instance:5f0c6a1e-2b7d-4c7e-9d1a-000000000001"[\s\S]*?class="word">)running/, "$1stopped");
  if (changing) html = html.replace(/(data-object="instance:5f0c6a1e-2b7d-4c7e-9d1a-000000000001"[\s\S]*?class="status )ok("[\s\S]*?class="word">)running/, "$1busy$2changing…");
  await route.fulfill({ body: html, contentType: "text/html; charset=utf-8", headers: { "Content-Security-Policy": CSP } });
});

const tests = {
  async "a started instance says so at once, and its job opens in the drawer with live log lines"() {
    await page.goto(`${url}/instances`);
    const row = page.locator(`[data-object="instance:${id(3)}"]`);
    await row.getByRole("button", { name: "Actions for mail.example.org" }).click();
    await page.getByRole("button", { name: "Start", exact: true }).locator("visible=true").click();
    await row.getByText("starting…").waitFor();
    const drawer = page.getByRole("complementary", { name: /Job: Start mail/ });
    await drawer.getByText("* starting the instance").waitFor();
    const post = calls.find((c) => c.path.endsWith("/startup"));
    assert.equal(post.method, "POST");
    assert.match(post.key, /^[0-9a-f-]{36}$/);
    log.push({ serial: 2, time: "2026-11-22T14:03:12Z", text: "<b>not markup</b>" });
    send("job.progressed", job);
    await drawer.getByText("<b>not markup</b>").waitFor();
    job = { ...job, state: "failed", error: { message: "Node is offline", hint: "Fail it over." } };
    send("job.failed", job);
    await drawer.getByText("Node is offline Fail it over.").waitFor();
    await drawer.getByRole("button", { name: "Close" }).click();
  },
  async "a refused action puts the status back and says why"() {
    startAnswer = 409;
    const row = page.locator(`[data-object="instance:${id(3)}"]`);
    await row.getByRole("button", { name: "Actions for mail.example.org" }).click();
    await page.getByRole("button", { name: "Start", exact: true }).locator("visible=true").click();
    await page.getByRole("alert").getByText("fra1 is read-only in gwm").waitFor();
    await row.locator("[data-cell=status]").getByText("stopped").waitFor();
    startAnswer = 202;
  },
  async "what could not be read is read again, and what is changing until it has changed"() {
    changing = true;
    await page.goto(`${url}/instances`);
    const row = page.locator(`[data-object="instance:${id(1)}"]`);
    await row.getByText("changing…").waitFor();
    changing = false;
    // No event comes of it.
    await row.getByText("running").waitFor({ timeout: 15_000 });
    changed = true;
    refetchFails = 2;
    send("ganeti_job.ended", { number: 1, objects: [{ kind: "instance", uuid: id(1), name: "x" }] });
    await row.getByText("stopped").waitFor();
    assert.ok(refetchFails <= 0, "it was not refused first");
    changed = false;
  },
  async "an event patches the cell of its row, and nothing that is typed is lost"() {
    await page.goto(`${url}/instances`);
    await page.getByLabel("Filter instances").focus();
    await page.keyboard.type("we");
    changed = true;
    const before = refetches;
    for (let n = 0; n < 100; n++) send("instance.status_changed", { uuid: id(1), kind: "x" });
    await page.locator(`[data-object="instance:${id(1)}"]`).getByText("stopped").waitFor();
    await page.keyboard.type("b1");
    assert.equal(await page.getByLabel("Filter instances").inputValue(), "web1");
    assert.ok(refetches - before <= 5, `100 events made ${refetches - before} requests`);
  },
  async "the next try of a dead cluster is counted down, and the page looks when it is due"() {
    const html = await readFile(join(pages, "cluster-dead.html"), "utf8");
    const seconds = (n) => html.replace(/datetime="[^"]*"([^>]*data-until)/, `datetime="${new Date(Date.now() + n * 1000).toISOString()}"$1`);
    let asked = 0;
    await page.route(`${url}/cluster-dead`, async (route) => {
      const again = route.request().headers()["gwm-fragment"];
      if (again) asked++;
      const back = asked > 1 ? html.replace(/<div class="notice bad"[^>]*data-about[\s\S]*?<\/div><\/div><\/div>/, "") : seconds(2).replaceAll("Connection refused", "No route to host");
      const body = again ? back : seconds(4);
      await route.fulfill({ body, contentType: "text/html; charset=utf-8", headers: { "Content-Security-Policy": CSP } });
    });
    await page.goto(`${url}/cluster-dead`);
    await page.locator("time[data-until]", { hasText: /^in [23] s$/ }).waitFor();
    assert.equal(asked, 0);
    const banner = page.locator("#banners [data-about]");
    await banner.getByText("No route to host").waitFor();
    await banner.waitFor({ state: "detached", timeout: 15_000 });
  },
  async "a suggestion made before the last letters takes them along"() {
    let asked = 0;
    await page.route(`${url}/api/v1/complete**`, async (route) => {
      // The later ones are never answered.
      if (asked++ === 0) await route.fulfill({ json: { from: 7, to: 7, items: [{ kind: "value", text: "ADMIN_down", detail: null }] } });
    });
    await page.goto(`${url}/instances`);
    const box = page.getByLabel("Filter instances");
    await box.focus();
    await page.keyboard.insertText("status:");
    await page.getByRole("option", { name: "ADMIN_down" }).waitFor();
    await page.keyboard.type("ADMIN_d");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.equal(await box.inputValue(), "status:ADMIN_down ");
    await page.unroute(`${url}/api/v1/complete**`);
  },
  async "a new object is announced by a chip, not inserted"() {
    await page.goto(`${url}/instances`);
    await page.waitForFunction(() => document.readyState === "complete");
    const rows = await page.locator("tbody tr").count();
    while (!streams.size) await new Promise((r) => setTimeout(r, 20));
    send("instance.created", { uuid: id(999) });
    send("instance.created", { uuid: id(998) });
    await page.getByText("2 new").waitFor();
    assert.equal(await page.locator("tbody tr").count(), rows);
  },
  async "deleting asks for the name and sends nothing before it is right"() {
    await page.goto(`${url}/instance`);
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("link", { name: "Delete" }).click();
    const dialog = page.getByRole("dialog", { name: /Delete web1/ });
    await dialog.getByRole("button", { name: /^Delete web1/ }).click();
    await dialog.getByText("Type web1.example.com exactly").waitFor();
    assert.ok(!calls.some((c) => c.method === "DELETE"));
    await dialog.getByRole("textbox").fill("web1.example.com");
    await dialog.getByRole("button", { name: /^Delete web1/ }).click();
    await dialog.waitFor({ state: "hidden" });
    assert.ok(calls.some((c) => c.method === "DELETE" && c.path.endsWith("/instances/web1.example.com")));
  },
  async "a reboot asks first, and leaving it changes nothing"() {
    await page.goto(`${url}/instance`);
    await page.getByRole("button", { name: "Reboot" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Leave it" }).click();
    assert.ok(!calls.some((c) => c.path.endsWith("/reboot")));
  },
  async "sizes take units, errors stand at the field and in a summary, and typed input comes back"() {
    await page.goto(`${url}/instance-create`);
    await page.getByLabel("Memory").fill("1.5G");
    await page.getByLabel("Virtual CPUs").focus();
    await page.waitForFunction(() => document.querySelector("#memory").value === "1536 MiB" || document.querySelector("#memory").value === "1.5 GiB");
    await page.getByLabel("Disk 0", { exact: true }).fill("lots");
    await page.getByRole("button", { name: "Create instance" }).click();
    await page.getByText("2 things are not right yet").waitFor();
    await page.getByRole("link", { name: /is not a size/ }).click();
    assert.equal(await page.evaluate(() => document.activeElement.id), "disk-0");
    await page.getByLabel("Name").first().fill("kept.example.com");
    await page.goto(`${url}/login`);
    await page.goto(`${url}/instance-create`);
    await page.getByText("What you had typed here is back").waitFor();
    assert.equal(await page.locator("#name").inputValue(), "kept.example.com");
    assert.equal(await page.locator("#disk-0").inputValue(), "lots");
  },
  async "a console that can't be opened says why and offers another try"() {
    await page.goto(`${url}/console`);
    await page.getByRole("heading", { name: "This instance does not run" }).waitFor();
    await page.getByRole("button", { name: "Connect again" }).waitFor();
  },
  async "a console shows its picture, hands over the ticket as a sub-protocol, types text, and tells why it closed"() {
    consoleWorks = true;
    await page.getByRole("button", { name: "Connect again" }).click();
    await page.getByText("Connected", { exact: true }).waitFor();
    assert.deepEqual(screen.protocols, ["binary", "gwm.ticket.tick3t"]);
    await page.waitForFunction(() => {
      const canvas = document.querySelector("#screen canvas");
      return canvas?.width === 64 && canvas.getContext("2d").getImageData(3, 3, 1, 1).data[1] > 200;
    });
    await page.getByRole("button", { name: "Paste" }).click();
    await page.getByRole("dialog").getByRole("textbox").fill("aB");
    await page.getByRole("button", { name: "Type it" }).click();
    await screen.until(() => screen.keys.join(" ").includes("97 97 65505 66 66 65505"));
    screen.end(4003, "");
    await page.getByRole("heading", { name: "You may not use this console any more" }).waitFor();
  },
  async "keys: slash searches, f filters, g j goes to jobs, ? lists them"() {
    await page.goto(`${url}/instances`);
    for (const [key, field] of [["/", "top-search"], ["f", "q"]]) {
      await page.keyboard.press(key);
      assert.equal(await page.evaluate(() => document.activeElement.id), field);
      await page.keyboard.press("Escape");
      await page.locator("#main").focus();
    }
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("j");
    await page.waitForURL(`${url}/jobs`);
  },
  async "the filter replaces the rows and the address, and keeps the focus"() {
    await page.goto(`${url}/instances`);
    await page.getByLabel("Filter instances").focus();
    await page.keyboard.type("web");
    await page.waitForURL(/q=web/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "q");
    assert.equal(await page.getByLabel("Filter instances").inputValue(), "web");
  },
  async "the theme that was chosen stays"() {
    await page.getByRole("button", { name: /ann/ }).click();
    await page.getByRole("button", { name: "Dark" }).click();
    await page.goto(`${url}/jobs`);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  },
};

let failed = 0;
page.setDefaultTimeout(8000);
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    assert.deepEqual(problems, []);
    console.log(`ok    ${name}`);
  } catch (error) {
    failed++;
    problems.length = 0;
    console.log(`FAIL  ${name}\n      ${String(error.message).split("\n").slice(0, 14).join("\n      ")}`);
  }
}
await browser.close();
close();
screen.close();
for (const stream of streams) stream.end();
process.exit(failed ? 1 : 0);
