// Small helpers to build elements without HTML strings: text from outside can never become markup.

type Child = Node | string | null | undefined | false;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const child of children) if (child) element.append(child);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${document.body.dataset["icons"] ?? ""}#${name}`);
  svg.append(use);
  return svg;
}

const SHAPES: Record<string, [string, Record<string, string>][]> = {
  ok: [["circle", { cx: "6", cy: "6", r: "4.5" }]],
  idle: [["rect", { x: "2", y: "2", width: "8", height: "8", rx: "1" }]],
  bad: [["path", { d: "M6 1 11.5 11H.5z" }]],
  busy: [
    ["circle", { cx: "6", cy: "6", r: "4.5", fill: "none", stroke: "currentColor", "stroke-width": "1.6", opacity: ".45" }],
    ["path", { d: "M6 1.5a4.5 4.5 0 0 1 0 9z" }],
  ],
  unknown: [["circle", { cx: "6", cy: "6", r: "4", fill: "none", stroke: "currentColor", "stroke-width": "1.6" }]],
};

/** The same mark that the server draws: shape, word, colour. */
export function status(mark: string, word: string, pill = false): HTMLElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "shape");
  svg.setAttribute("viewBox", "0 0 12 12");
  svg.setAttribute("fill", "currentColor");
  svg.setAttribute("aria-hidden", "true");
  for (const [tag, attributes] of SHAPES[mark] ?? []) {
    const shape = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
    svg.append(shape);
  }
  const element = make("span", { class: `status ${mark}${pill ? " pill" : ""}` });
  element.append(svg, make("span", { class: "word" }, word));
  return element;
}

export function jobStatus(state: string, pill = false): HTMLElement {
  const marks: Record<string, string> = { queued: "unknown", running: "busy", succeeded: "ok", failed: "bad" };
  return status(marks[state] ?? "idle", state, pill);
}

/** Says something to screen readers without moving the focus. */
export function announce(text: string): void {
  const live = document.getElementById("live");
  if (live) live.textContent = text;
}

/** A notice in the corner. Bad ones stay until they are closed. */
export function toast(tone: "ok" | "bad" | "info", text: string, detail = "", link?: { label: string; href: string }): void {
  const box = document.getElementById("toasts");
  if (!box) return;
  const close = make("button", { type: "button", class: "tool", "aria-label": "Close" }, icon("x"));
  const body = make("div", {}, make("strong", {}, text));
  if (detail) body.append(make("div", { class: "detail" }, detail));
  if (link) body.append(" ", make("a", { href: link.href }, link.label));
  const notice = make("div", { class: `notice ${tone}` });
  if (tone === "bad") notice.setAttribute("role", "alert");
  notice.append(icon(tone === "ok" ? "circle-check" : tone === "bad" ? "circle-alert" : "info"), body, close);
  close.addEventListener("click", () => notice.remove());
  // Above the job drawer, which is the last one in the box.
  box.prepend(notice);
  if (tone !== "bad") {
    announce(text);
    setTimeout(() => notice.remove(), 7000);
  }
}
