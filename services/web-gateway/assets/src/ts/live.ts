// Live updates: one EventSource a tab; what changed is read again from the page's own URL, and only cells are
// replaced. The convention (also in templates/README.md):
//
//   data-object="<kind>:<id>"  on a row, a header, a group of cells: instance and node by UUID, cluster by slug, job by id
//   data-cell="<name>"         inside it: what may be replaced; anything else on the page never is
//
// A refetch is GET of the page with `Gwm-Fragment: <kind>:<id> …`. The server may answer with only those elements
// (rows inside <table><tbody>), or with the whole page: both work.

import { announce, icon, make } from "./dom";

const PATCH_MS = 250;
const POLL_MS = 15_000;
const LOST_AFTER_MS = 4_000;
const BUSY_MS = 5_000;

const pending = new Set<string>();
let timer: number | undefined;
let busy = false;
/** What one may see has changed since the page was read. */
let otherRights = false;
let lastFetch = 0;
let failures = 0;
let source: EventSource | undefined;
let poll: number | undefined;
let lost: number | undefined;

interface CloudEvent {
  type?: string;
  data?: { object?: Record<string, unknown> };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

function visible(): Set<string> {
  return new Set([...document.querySelectorAll<HTMLElement>("[data-object]")].map((e) => e.dataset["object"] ?? ""));
}

/** The names under which an event's object may stand on a page. */
function keysOf(event: CloudEvent): { kind: string; verb: string; keys: string[] } {
  const [kind = "", verb = ""] = text(event.type).replace("org.ganeti.gwm.", "").split(".");
  const object = event.data?.object ?? {};
  if (kind === "cluster") return { kind, verb, keys: [`cluster:${text(object["slug"])}`] };
  const keys = [`${kind}:${text(object["uuid"]) || text(object["id"])}`];
  const target = object["object"];
  if (kind === "job" && target && typeof target === "object") {
    const about = target as Record<string, unknown>;
    keys.push(`${text(about["kind"])}:${text(about["uuid"])}`);
  }
  if (kind === "ganeti_job" && Array.isArray(object["objects"])) {
    for (const about of object["objects"] as Record<string, unknown>[]) keys.push(`${text(about["kind"])}:${text(about["uuid"])}`);
  }
  return { kind, verb, keys };
}

function receive(message: MessageEvent<string>): void {
  let event: CloudEvent;
  try {
    event = JSON.parse(message.data) as CloudEvent;
  } catch {
    return;
  }
  const { kind, verb, keys } = keysOf(event);
  // What is shown of it is of another age now, and there is a banner to come or go.
  if (kind === "cluster" && ["reachable", "unreachable"].includes(verb)) return refreshAll();
  if (kind === "job") document.dispatchEvent(new CustomEvent("gwm:job", { detail: event.data?.object }));
  const shown = visible();
  let known = false;
  for (const key of keys) {
    if (!shown.has(key)) continue;
    known = true;
    if (verb === "removed" || verb === "forgotten") gone(key);
    else refresh(key);
  }
  if (!known && ["created", "discovered", "queued", "added", "appended"].includes(verb)) countNew(kind);
}

function gone(key: string): void {
  for (const element of document.querySelectorAll(`[data-object="${CSS.escape(key)}"]`)) {
    if (element instanceof HTMLTableRowElement) element.classList.add("gone");
    else refresh(key);
  }
}

function countNew(kind: string): void {
  const list = document.querySelector<HTMLElement>(`[data-list="${CSS.escape(kind)}"]`);
  const box = list?.querySelector<HTMLElement>("[data-new-rows]");
  const chip = box?.querySelector("a");
  if (!box || !chip) return;
  const count = Number(box.dataset["count"] ?? "0") + 1;
  box.dataset["count"] = String(count);
  chip.textContent = `${count} new`;
  chip.href = location.href;
  box.hidden = false;
  if (count === 1) announce("New rows are there: reload the list to see them");
}

/** Reads an object again soon; several calls become one request. */
export function refresh(key: string): void {
  pending.add(key);
  schedule();
}

export function refreshAll(): void {
  for (const key of visible()) pending.add(key);
  schedule();
}

function schedule(): void {
  // Nobody looks at a hidden page, but what one may see no more must not wait there either.
  if (timer !== undefined || busy || (document.hidden && !otherRights)) return;
  const pause = failures ? Math.min(POLL_MS, 500 * 2 ** failures) : PATCH_MS;
  timer = window.setTimeout(flush, Math.max(0, pause - (Date.now() - lastFetch)));
}

async function flush(): Promise<void> {
  timer = undefined;
  const keys = [...pending];
  pending.clear();
  busy = true;
  lastFetch = Date.now();
  const changedRights = otherRights;
  otherRights = false;
  try {
    const response = await fetch(location.href, {
      headers: { "Gwm-Fragment": keys.slice(0, 60).join(" "), Accept: "text/html" },
      redirect: "manual",
    });
    if (response.type === "opaqueredirect" || response.status === 401) signedOut();
    else if (changedRights && [403, 404].includes(response.status)) readAnew();
    else if (response.status === 404) vanished();
    else if (response.ok) {
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      // There is something now where there was nothing.
      if (changedRights && document.querySelector("main .empty") && !fresh.querySelector("main .empty")) return readAnew();
      if (changedRights) hideRows(fresh, keys);
      patch(fresh, keys);
    } else if (response.status >= 500 || response.status === 429) throw new Error(String(response.status));
    failures = 0;
  } catch {
    // No event may come again of what was not read now.
    failures += 1;
    otherRights ||= changedRights;
    for (const key of keys) pending.add(key);
  } finally {
    busy = false;
    lastFetch = Date.now();
    if (pending.size) schedule();
  }
}

/** What one may do has changed: nothing stays on the screen that the server would not show any more. */
function accessChanged(): void {
  otherRights = true;
  pending.add("access");
  refreshAll();
}

function hideRows(fresh: Document, keys: string[]): void {
  for (const key of keys) {
    const selector = `tr[data-object="${CSS.escape(key)}"]`;
    if (!fresh.querySelector(selector)) document.querySelector(selector)?.remove();
  }
}

/** Not `reload`, which would send a form again where the page is the answer to one. */
function readAnew(): void {
  location.replace(location.pathname + location.search);
}

/** The login has ended. The page itself leads to it, and back; who is writing something, is being asked, or has a secret
 * before them that is shown once, stays. */
function signedOut(): void {
  if (!document.querySelector("form[method=post][data-dirty], dialog[open], main .code")) return readAnew();
  const banners = document.getElementById("banners");
  if (!banners || banners.querySelector("[data-signed-out]")) return;
  banners.prepend(
    make("div", { class: "notice warn", role: "alert", "data-signed-out": "" }, icon("info"),
      make("div", {}, make("strong", {}, "You are signed out"), make("div", { class: "detail" }, "What you were writing is kept when you send it: you are asked to sign in first."))),
  );
}

function vanished(): void {
  const banners = document.getElementById("banners");
  if (!banners || banners.querySelector("[data-vanished]")) return;
  banners.prepend(
    make("div", { class: "notice warn", role: "alert", "data-vanished": "" }, icon("info"),
      make("div", {}, make("strong", {}, "This no longer exists"), make("div", { class: "detail" }, "It was removed while you looked at it. What is shown is how it was last."))),
  );
  for (const button of document.querySelectorAll<HTMLButtonElement>("form[data-action] button")) button.disabled = true;
}

function patch(fresh: Document, keys: string[]): void {
  for (const key of keys) {
    const selector = `[data-object="${CSS.escape(key)}"]`;
    const now = document.querySelectorAll<HTMLElement>(selector);
    const next = fresh.querySelectorAll<HTMLElement>(selector);
    now.forEach((element, index) => {
      const other = next[index];
      if (other) patchCells(element, other);
    });
  }
  replaceText("[data-as-of]", fresh);
  patchBanners(fresh);
  const strip = document.querySelector<HTMLElement>("[data-strip-of]");
  const freshStrip = fresh.querySelector("[data-strip-of]");
  // A job began or ended: its strip comes or goes as a whole; it holds no field.
  if (strip && freshStrip && strip.children.length !== freshStrip.children.length) strip.replaceChildren(...freshStrip.childNodes);
  const count = fresh.querySelector<HTMLElement>("[data-running-jobs]");
  const shown = document.querySelector<HTMLElement>("[data-running-jobs]");
  if (count && shown) {
    shown.textContent = count.textContent;
    shown.dataset["n"] = count.dataset["n"] ?? "0";
  }
}

/** The banners of clusters: one that stays gets its new words, and is not read out again. */
function patchBanners(fresh: Document): void {
  const of = (page: Document) => [...page.querySelectorAll<HTMLElement>("#banners [data-about]")];
  const title = (banner: HTMLElement) => banner.querySelector("strong")?.textContent ?? "";
  const next = of(fresh);
  const known = new Map(of(document).map((banner) => [title(banner), banner]));
  for (const banner of next) {
    const now = known.get(title(banner));
    known.delete(title(banner));
    const words = banner.querySelector(".detail");
    if (!now) document.getElementById("banners")?.append(banner);
    else if (words && now.querySelector(".detail")?.innerHTML !== words.innerHTML) now.querySelector(".detail")?.replaceWith(words);
  }
  for (const banner of known.values()) banner.remove();
}

function replaceText(selector: string, fresh: Document): void {
  const now = document.querySelector(selector);
  const next = fresh.querySelector(selector);
  if (now && next && now.outerHTML !== next.outerHTML) now.replaceWith(next);
}

function patchCells(element: HTMLElement, other: HTMLElement): void {
  if (element instanceof HTMLTableRowElement) element.className = other.className;
  for (const cell of element.querySelectorAll<HTMLElement>("[data-cell]")) {
    if (cell.closest("[data-object]") !== element) continue;
    const next = [...other.querySelectorAll<HTMLElement>(`[data-cell="${CSS.escape(cell.dataset["cell"] ?? "")}"]`)].find(
      (c) => c.closest("[data-object]") === other,
    );
    if (next) patchCell(cell, next);
  }
}

/** Someone types here, has typed here, or has a menu open here. */
function inUse(cell: HTMLElement): boolean {
  const active = document.activeElement;
  const typing = active instanceof HTMLElement && active.matches("input:not([type=hidden]), textarea, select") && cell.contains(active);
  return typing || cell.querySelector(":popover-open, dialog[open], [data-dirty]") !== null;
}

function patchCell(cell: HTMLElement, next: HTMLElement): void {
  if (cell.innerHTML === next.innerHTML || inUse(cell)) return;
  if (cell.textContent === next.textContent && cell.querySelector("time[data-ago]") && !cell.querySelector("form")) return;
  const focusable = "a, button";
  const active = document.activeElement;
  const at = active && cell.contains(active) ? [...cell.querySelectorAll(focusable)].indexOf(active) : -1;
  const before = cell.textContent;
  cell.replaceChildren(...next.childNodes);
  if (next.title) cell.title = next.title;
  if (at >= 0) cell.querySelectorAll<HTMLElement>(focusable)[at]?.focus({ preventScroll: true });
  if (before !== cell.textContent) {
    cell.classList.remove("flash");
    requestAnimationFrame(() => cell.classList.add("flash"));
  }
}

function banner(show: boolean): void {
  const there = document.querySelector(".lost");
  if (!show) there?.remove();
  else if (!there) {
    document.body.append(
      make("div", { class: "notice warn lost", role: "status" }, icon("wifi-off"),
        make("div", {}, make("strong", {}, "Live updates are interrupted"), make("div", { class: "detail" }, "The page is read again every 15 s until they are back."))),
    );
  }
}

function connect(): void {
  const after = document.body.dataset["streamPosition"];
  source = new EventSource(`/api/v1/events${after ? `?after=${encodeURIComponent(after)}` : ""}`);
  let first = true;
  source.addEventListener("open", () => {
    if (lost !== undefined) window.clearTimeout(lost);
    if (poll !== undefined) window.clearInterval(poll);
    lost = poll = undefined;
    banner(false);
    if (!first) refreshAll();
    first = false;
  });
  source.addEventListener("message", receive);
  // The server can't resume from where we were: read everything shown again.
  source.addEventListener("reset", refreshAll);
  source.addEventListener("access", accessChanged);
  source.addEventListener("error", () => {
    lost ??= window.setTimeout(() => {
      banner(true);
      poll ??= window.setInterval(refreshAll, POLL_MS);
    }, LOST_AFTER_MS);
    // EventSource gives up on a refused answer (503, 401); try again by hand.
    if (source?.readyState === EventSource.CLOSED) window.setTimeout(connect, POLL_MS * (0.5 + Math.random() / 2));
  });
}

/** Unchanged objects cause no event: the age of the data is read again when half its time is over. */
function keepFresh(): void {
  const element = document.querySelector<HTMLElement>("[data-as-of]");
  const limit = Number(element?.dataset["agedAfter"] ?? "0");
  const at = element?.querySelector("time")?.dateTime;
  if (!limit || !at || document.hidden || Date.now() - lastFetch < POLL_MS) return;
  if (Date.now() - Date.parse(at) > limit * 500) refresh("as-of");
}

/** What is changing is read again until it has changed: the end of one of Ganeti's own jobs comes to job-runner by the
 * stream that tells us of it, perhaps a moment later, and is no event for those who see single instances. */
function followBusy(): void {
  if (document.hidden || Date.now() - lastFetch < BUSY_MS) return;
  for (const status of document.querySelectorAll("[data-object] [data-cell=status] .status.busy")) {
    refresh(status.closest<HTMLElement>("[data-object]")?.dataset["object"] ?? "");
  }
}

export function startLive(): void {
  if (!document.querySelector("main.page")) return;
  connect();
  setInterval(keepFresh, 5000);
  setInterval(followBusy, BUSY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && pending.size) schedule();
  });
  const importing = document.querySelector<HTMLElement>("[data-follow-import=running]");
  if (importing) {
    const wait = setInterval(() => {
      if (importing.querySelector("progress")) refresh(importing.dataset["object"] ?? "");
      else clearInterval(wait);
    }, 1000);
  }
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) connect();
  });
}
