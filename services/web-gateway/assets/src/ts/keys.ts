// Keys. Single letters only where nothing is typed and no dialog is open.

import { make } from "./dom";

const GO: Record<string, [string, string]> = {
  o: ["/", "Overview"],
  i: ["/instances", "Instances"],
  j: ["/jobs", "Jobs"],
  c: ["/clusters", "Clusters"],
  n: ["/nodes", "Nodes"],
};

const HELP: [string, string][] = [
  ["/", "Search everything (also Ctrl K)"],
  ["f", "Filter this list"],
  ["?", "This list"],
  ["j", "Next row"],
  ["k", "Row before"],
  ["Enter", "Open the row"],
  ...Object.entries(GO).map(([key, [, name]]): [string, string] => [`g ${key}`, `Go to ${name}`]),
];

let prefix = 0;

function help(): void {
  const rows = HELP.map(([key, what]) => make("div", { class: "pair-line" }, make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)));
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": "keys-h" },
    make("div", { class: "inner" }, make("h2", { id: "keys-h" }, "Keys"), make("dl", { class: "kv" }, ...rows),
      make("div", { class: "row end" }, make("button", { type: "button", class: "btn", "data-close": "" }, "Close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function step(by: number): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>("tbody th a")];
  const row = document.activeElement?.closest("tr");
  const at = links.findIndex((link) => link.closest("tr") === row);
  links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    const at = event.target as Element;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k" && !at.closest("dialog")) {
      const search = document.querySelector<HTMLInputElement>("[data-search]");
      if (search) {
        event.preventDefault();
        search.select();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || at.closest("input, textarea, select, dialog, [contenteditable]")) return;
    if (prefix && Date.now() - prefix < 1500) {
      prefix = 0;
      const where = GO[event.key];
      if (where) location.assign(where[0]);
      return;
    }
    switch (event.key) {
      case "/":
        event.preventDefault();
        document.querySelector<HTMLInputElement>("[data-search]")?.select();
        break;
      case "f":
        if (document.querySelector("#q")) event.preventDefault();
        document.querySelector<HTMLInputElement>("#q")?.select();
        break;
      case "?":
        help();
        break;
      case "g":
        prefix = Date.now();
        break;
      case "j":
        step(1);
        break;
      case "k":
        step(-1);
        break;
      default:
    }
  });
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-keys-help]");
    if (!button) return;
    button.closest<HTMLElement>("[popover]")?.hidePopover();
    help();
  });
}
