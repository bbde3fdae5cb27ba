// Lists and small helpers of pages: a click on a row opens it, copy buttons, a filter within a page.

import { announce } from "./dom";

function openRow(event: MouseEvent): void {
  const target = event.target as Element;
  const row = target.closest<HTMLElement>("tr[data-href]");
  if (!row || target.closest("a, button, input, label, form, [popover]") || getSelection()?.toString()) return;
  const href = row.dataset["href"] ?? "";
  if (event.ctrlKey || event.metaKey || event.button === 1) window.open(href, "_blank", "noopener");
  else if (event.button === 0) location.assign(href);
}

async function copy(button: HTMLElement): Promise<void> {
  const text = button.closest(".code")?.querySelector("pre")?.textContent ?? "";
  await navigator.clipboard.writeText(text);
  button.dataset["copied"] = "";
  announce("Copied");
  setTimeout(() => delete button.dataset["copied"], 2000);
}

function filter(input: HTMLInputElement): void {
  const wanted = input.value.trim().toLowerCase();
  const scope = input.closest("[data-filter-scope]");
  for (const group of scope?.querySelectorAll<HTMLElement>("[data-filter-group]") ?? []) {
    let any = false;
    for (const item of group.querySelectorAll<HTMLElement>("[data-filter-item]")) {
      item.hidden = wanted !== "" && !(item.textContent ?? "").toLowerCase().includes(wanted);
      any ||= !item.hidden;
    }
    group.hidden = !any;
    // What was found must not stay folded away.
    if (group instanceof HTMLDetailsElement && wanted !== "" && any) group.open = true;
  }
}

/** While a filter is half typed it is often wrong: the rows stay as they were, and below the box stands what is wrong. */
function keepRows(event: Event): void {
  const { ctx } = (event as CustomEvent<{ ctx: { text: string; sourceElement?: Element } }>).detail;
  const rows = document.getElementById("rows");
  const box = document.getElementById("q");
  if (ctx.sourceElement?.id !== "list-form" || !rows || !box) return;
  const fresh = new DOMParser().parseFromString(ctx.text, "text/html").getElementById("q-error");
  const wrong = (fresh?.textContent ?? "").trim() !== "";
  if (wrong) box.setAttribute("aria-invalid", "true");
  else box.removeAttribute("aria-invalid");
  box.setAttribute("aria-describedby", "q-error");
  if (!wrong || !fresh || !rows.querySelector("tbody")) return;
  event.preventDefault();
  rows.classList.add("kept");
  const now = document.getElementById("q-error");
  if (!now || now.textContent === fresh.textContent) return;
  now.replaceChildren(...fresh.childNodes);
  announce(now.textContent ?? "");
}

export function startLists(): void {
  document.addEventListener("click", openRow);
  document.addEventListener("auxclick", openRow);
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const button = target.closest<HTMLElement>("[data-copy]");
    if (button) void copy(button);
    const retry = target.closest<HTMLElement>("[data-retry]");
    if (retry) {
      event.preventDefault();
      location.reload();
    }
  });
  document.addEventListener("input", (event) => {
    const input = event.target as HTMLElement;
    if (input instanceof HTMLInputElement && input.hasAttribute("data-filter-input")) filter(input);
  });
  document.addEventListener("htmx:before:request", () => document.querySelector(".list")?.classList.add("loading"));
  document.addEventListener("htmx:finally:request", () => document.querySelector(".list")?.classList.remove("loading"));
  document.addEventListener("htmx:after:request", keepRows);
  document.addEventListener("htmx:after:swap", () => {
    document.getElementById("rows")?.classList.remove("kept");
    const summary = document.getElementById("rows")?.dataset["summary"];
    if (summary) announce(summary);
  });
}
