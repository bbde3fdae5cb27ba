// Suggestions below a text field (ARIA combobox with a list): what a filter may go on with, and search as one types.
// Without it both fields are what they are: text that a form sends.

import { announce, make, status } from "./dom";

const WAIT_MS = 120;

interface Option {
  label: string;
  detail: string;
  group: string;
  mark?: [string, string];
  pick: () => void;
}

type Ask = (input: HTMLInputElement, signal: AbortSignal) => Promise<Option[]>;

async function read<T>(path: string, signal: AbortSignal): Promise<T | undefined> {
  const response = await fetch(`/api/v1${path}`, { signal, headers: { Accept: "application/json" } });
  return response.ok ? ((await response.json()) as T) : undefined;
}

interface Found {
  kind: string;
  name: string;
  cluster: string;
  status: string;
  matched: string | null;
  owner: string | null;
  href: string;
}

const GROUPS: Record<string, string> = { instance: "Instances", node: "Nodes", cluster: "Clusters" };

function mark(found: Found): [string, string] {
  const word = found.status;
  if (/^ERROR|offline|unreachable/.test(word)) return ["bad", word];
  if (/running|reachable|master|regular/.test(word)) return ["ok", word];
  return ["idle", word];
}

const owner = (found: Found): string => (found.owner ?? "").replace(/^user\//, "");

const search: Ask = async (input, signal) => {
  const q = input.value.trim();
  if (!q) return [];
  const answer = await read<{ items: Found[]; more: string[] }>(`/search?q=${encodeURIComponent(q)}`, signal);
  if (!answer) return [];
  const options = answer.items.map((found): Option => ({
    label: found.name,
    detail: [found.matched === found.owner ? "" : found.matched, found.kind === "cluster" ? "" : found.cluster, owner(found)]
      .filter(Boolean)
      .join(" · "),
    group: GROUPS[found.kind] ?? found.kind,
    mark: mark(found),
    pick: () => location.assign(found.href),
  }));
  const all = { label: `All results for “${q}”`, detail: "", group: "", pick: () => input.form?.requestSubmit() };
  return options.length ? [...options, all] : [];
};

interface Completion {
  from: number;
  to: number;
  items: { kind: string; text: string; detail: string | null }[];
}

const complete: Ask = async (input, signal) => {
  // Places are counted in characters, a field counts in UTF-16 units.
  const letters = (text: string): number => [...text].length;
  const asked = input.value;
  const at = letters(asked.slice(0, input.selectionStart ?? asked.length));
  const query = new URLSearchParams({ list: input.dataset["complete"] ?? "", q: asked, at: String(at) });
  const answer = await read<Completion>(`/complete?${query.toString()}`, signal);
  if (!answer) return [];
  const typed = [...asked].slice(answer.from, answer.to).join("");
  return answer.items
    .filter((item) => item.text !== typed)
    .map((item): Option => ({
      label: item.text,
      detail: item.detail ?? "",
      group: item.kind === "field" ? "Fields" : "Values",
      pick: () => {
        const all = [...input.value];
        // What was typed since it was asked belongs to the word that is completed.
        const rest = all.slice(Math.max(answer.from, answer.to + all.length - letters(asked))).join("");
        const blank = item.kind === "value" && !/^[\s)]/.test(rest) ? " " : "";
        const before = all.slice(0, answer.from).join("") + item.text + blank;
        input.value = before + rest;
        input.setSelectionRange(before.length, before.length);
        input.dispatchEvent(new Event("input", { bubbles: true }));
      },
    }));
};

function attach(input: HTMLInputElement, ask: Ask, label: string): void {
  const id = `${input.id}-options`;
  const list = make("div", { class: "options", id, role: "listbox", "aria-label": label, hidden: "" });
  input.parentElement?.append(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list" })) {
    input.setAttribute(name, value);
  }
  let options: Option[] = [];
  let active = -1;
  let timer: number | undefined;
  let asking: AbortController | undefined;

  const close = (): void => {
    window.clearTimeout(timer);
    asking?.abort();
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const show = (n: number): void => {
    active = n;
    const items = [...list.querySelectorAll<HTMLElement>("[role=option]")];
    items.forEach((item, i) => item.setAttribute("aria-selected", String(i === n)));
    const now = items[n];
    if (now) {
      input.setAttribute("aria-activedescendant", now.id);
      now.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  };
  const draw = (): void => {
    const groups: HTMLElement[] = [];
    let group: HTMLElement | undefined;
    options.forEach((option, n) => {
      if (!group || group.dataset["group"] !== option.group) {
        group = make("div", { role: "group", "data-group": option.group });
        if (option.group) {
          group.setAttribute("aria-label", option.group);
          group.append(make("div", { class: "label", "aria-hidden": "true" }, option.group));
        } else group.setAttribute("aria-label", "More");
        groups.push(group);
      }
      const item = make("div", { class: "option", role: "option", id: `${id}-${n}`, "aria-selected": "false" },
        option.mark ? status(option.mark[0], option.mark[1]) : undefined,
        make("span", { class: "text" }, option.label), option.detail ? make("span", { class: "detail" }, option.detail) : undefined);
      // Before the field loses the focus.
      item.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        close();
        option.pick();
      });
      group.append(item);
    });
    list.replaceChildren(...groups);
    list.hidden = options.length === 0;
    input.setAttribute("aria-expanded", String(options.length > 0));
    show(-1);
    if (options.length) announce(`${options.length} suggestions`);
  };
  const fetchNow = (): void => {
    asking?.abort();
    const mine = (asking = new AbortController());
    ask(input, mine.signal).then(
      (found) => {
        if (mine.signal.aborted || document.activeElement !== input) return;
        options = found;
        draw();
      },
      // A newer question, or no answer: then there are no suggestions.
      () => undefined,
    );
  };
  const later = (): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(fetchNow, WAIT_MS);
  };

  input.addEventListener("input", later);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    const last = options.length - 1;
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) fetchNow();
      else if (event.key === "ArrowDown") show(active >= last ? -1 : active + 1);
      else show(active < 0 ? last : active - 1);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      close();
    } else if ((event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) && open && active >= 0) {
      event.preventDefault();
      const option = options[active];
      close();
      option?.pick();
    } else if (event.key === "Enter") close();
  });
}

export function startCombobox(): void {
  const box = document.querySelector<HTMLInputElement>("[data-search]");
  if (box) attach(box, search, "Found");
  const filter = document.querySelector<HTMLInputElement>("[data-complete]");
  if (filter) attach(filter, complete, "Suggestions");
}
