// Keeps "12 s ago" and "in 12 s" running. The words are those of views/text.rs; both must agree.

import { refresh } from "./live";

const DUE_MS = 2_000;
const AGAIN_MS = 5_000;
let asked = 0;

export function ago(at: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - at) / 1000));
  if (seconds < 3) return "now";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.floor((seconds + 30) / 60)} min ago`;
  if (seconds < 129600) return `${Math.floor((seconds + 1800) / 3600)} h ago`;
  if (seconds < 2592000) return `${Math.floor((seconds + 43200) / 86400)} d ago`;
  return new Date(at).toISOString().slice(0, 10);
}

export function until(at: number, now: number): string {
  const seconds = Math.floor((at - now) / 1000);
  if (seconds < 1) return "now";
  if (seconds < 90) return `in ${seconds} s`;
  if (seconds < 5400) return `in ${Math.floor((seconds + 30) / 60)} min`;
  if (seconds < 129600) return `in ${Math.floor((seconds + 1800) / 3600)} h`;
  return `in ${Math.floor((seconds + 43200) / 86400)} d`;
}

/** What was to come is there: what it stands in is read again, until another moment stands there or none. */
function countDown(element: HTMLTimeElement, now: number): void {
  const at = Date.parse(element.dateTime);
  const words = until(at, now);
  if (element.textContent !== words) element.textContent = words;
  const key = element.closest<HTMLElement>("[data-about]")?.dataset["about"];
  if (!key || now < at + DUE_MS || now < asked + AGAIN_MS) return;
  asked = now;
  refresh(key);
}

function tick(): void {
  if (document.hidden) return;
  const now = Date.now();
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-ago]")) {
    const words = ago(Date.parse(element.dateTime), now);
    if (element.textContent !== words) element.textContent = words;
  }
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-until]")) countDown(element, now);
  for (const element of document.querySelectorAll<HTMLElement>("[data-as-of]")) {
    const limit = Number(element.dataset["agedAfter"] ?? "0");
    const at = element.querySelector("time");
    if (!limit || !at) continue;
    const aged = now - Date.parse(at.dateTime) > limit * 1000;
    if (aged) element.classList.add("aged");
  }
}

export function startTime(): void {
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
}
