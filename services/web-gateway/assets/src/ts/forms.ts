// Forms: checks on leaving a field and on sending, a summary that links to the fields, sizes with units, and nothing
// typed is lost when the login ends meanwhile.

import { icon, make } from "./dom";
import { parseSize, showSize } from "./sizes";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

const fields = (form: HTMLFormElement): Field[] =>
  [...form.elements].filter((e): e is Field => e instanceof HTMLInputElement || e instanceof HTMLSelectElement || e instanceof HTMLTextAreaElement);

function label(field: Field): string {
  return field.dataset["label"] ?? field.name;
}

/** What is wrong with a field, in words that say what would be right. */
function wrong(field: Field): string {
  const value = field.value.trim();
  if (!value) return field.required ? `Give the ${label(field)}` : "";
  if (field.dataset["size"] !== undefined) {
    const size = parseSize(value);
    if (size === undefined) return `“${value}” is not a size: write for example 512M or 1.5G`;
    const least = Number(field.dataset["minMib"] ?? "0");
    if (size < least) return `The ${label(field)} is at least ${showSize(least)}`;
  }
  if (field instanceof HTMLInputElement && field.type === "number") {
    if (field.min && Number(value) < Number(field.min)) return `The ${label(field)} is at least ${field.min}`;
    if (field.max && Number(value) > Number(field.max)) return `The ${label(field)} is at most ${field.max}`;
  }
  if (field.name === "slug" && !/^[a-z0-9-]{1,40}$/.test(value)) return "Small letters, digits and dashes, 40 at most";
  return "";
}

function mark(field: Field): string {
  const message = wrong(field);
  const error = document.getElementById(`${field.id}-error`);
  if (error) error.textContent = message;
  if (message) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  return message;
}

function summarise(form: HTMLFormElement, found: { field: Field; message: string }[]): void {
  form.querySelector("[data-summary-of-errors]")?.remove();
  if (!found.length) return;
  const items = found.map(({ field, message }) => make("li", {}, make("a", { href: `#${field.id}` }, message)));
  const title = found.length === 1 ? "One thing is not right yet" : `${found.length} things are not right yet`;
  const box = make("div", { class: "summary", role: "alert", tabindex: "-1", "data-summary-of-errors": "" }, make("strong", {}, title), make("ul", {}, ...items));
  form.prepend(box);
  box.focus();
}

function resize(field: HTMLInputElement): void {
  const unit = field.parentElement?.querySelector<HTMLElement>("[data-unit]");
  if (unit) unit.hidden = /[a-z]/i.test(field.value);
  const size = parseSize(field.value);
  if (size !== undefined && document.activeElement !== field) field.value = showSize(size);
  if (unit) unit.hidden = /[a-z]/i.test(field.value);
}

const keptKey = (form: HTMLFormElement): string => `gwm-form:${form.id}`;

function keep(form: HTMLFormElement, sent: boolean): void {
  const values: Record<string, string[]> = {};
  for (const field of fields(form)) {
    if (!field.name || field.type === "password" || field.type === "hidden" || field.hasAttribute("data-no-keep")) continue;
    const list = (values[field.name] ??= []);
    if (field instanceof HTMLInputElement && field.type === "checkbox") list.push(String(field.checked));
    else list.push(field.value);
  }
  try {
    sessionStorage.setItem(keptKey(form), JSON.stringify({ sent, values }));
  } catch {
    // No storage: the form works, it only forgets.
  }
}

function bringBack(form: HTMLFormElement): void {
  const stored = sessionStorage.getItem(keptKey(form));
  // An answer with errors carries the input itself.
  if (!stored || form.querySelector("[data-summary-of-errors]")) return;
  const { values } = JSON.parse(stored) as { values: Record<string, string[]> };
  const extra = (values["disks"]?.length ?? 1) - form.querySelectorAll("[data-disk]").length;
  for (let n = 0; n < extra; n++) addDisk(form);
  const seen: Record<string, number> = {};
  let changed = false;
  for (const field of fields(form)) {
    const at = (seen[field.name] = (seen[field.name] ?? -1) + 1);
    const value = values[field.name]?.[at];
    if (value === undefined || field.type === "hidden" || field.type === "password") continue;
    if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = value === "true";
    else if (field.value !== value && !(field instanceof HTMLSelectElement && ![...field.options].some((o) => o.value === value))) {
      // The address says which cluster is meant now; it wins over what was kept.
      if (field.hasAttribute("data-reload") && new URLSearchParams(location.search).has(field.name)) continue;
      field.value = value;
      changed = true;
    }
  }
  if (!changed) return;
  const discard = make("button", { type: "button", class: "btn small" }, "Start afresh");
  discard.addEventListener("click", () => {
    sessionStorage.removeItem(keptKey(form));
    location.assign(location.pathname);
  });
  form.prepend(make("div", { class: "notice", role: "status" }, icon("info"), make("div", {}, "What you had typed here is back."), discard));
}

function forgetSent(): void {
  for (let n = sessionStorage.length - 1; n >= 0; n--) {
    const key = sessionStorage.key(n) ?? "";
    if (!key.startsWith("gwm-form:") || document.getElementById(key.slice(9))) continue;
    const stored = JSON.parse(sessionStorage.getItem(key) ?? "{}") as { sent?: boolean };
    if (stored.sent) sessionStorage.removeItem(key);
  }
}

function number(form: HTMLFormElement): void {
  form.querySelectorAll<HTMLElement>("[data-disk]").forEach((disk, n) => {
    const input = disk.querySelector("input");
    const title = disk.querySelector("label");
    const error = disk.querySelector(".error");
    const help = disk.querySelector(".help");
    if (!input || !title || !error || !help) return;
    input.id = `disk-${n}`;
    input.dataset["label"] = `size of disk ${n}`;
    input.setAttribute("aria-describedby", `disk-${n}-help disk-${n}-error`);
    title.htmlFor = input.id;
    title.textContent = `Disk ${n}`;
    help.id = `disk-${n}-help`;
    error.id = `disk-${n}-error`;
    disk.querySelector("[data-remove-disk]")?.setAttribute("aria-label", `Leave out disk ${n}`);
  });
}

function addDisk(form: HTMLFormElement): HTMLInputElement | null {
  const box = form.querySelector("[data-disks]");
  const first = box?.querySelector("[data-disk]");
  if (!box || !first) return null;
  const copy = first.cloneNode(true) as HTMLElement;
  const input = copy.querySelector("input");
  if (input) {
    input.value = "";
    input.required = true;
    input.removeAttribute("aria-invalid");
  }
  copy.querySelectorAll(".help, .error").forEach((e) => (e.textContent = ""));
  if (!copy.querySelector("[data-remove-disk]")) {
    copy.querySelector(".row")?.append(make("button", { type: "button", class: "btn quiet", "data-remove-disk": "" }, icon("x")));
  }
  box.append(copy);
  number(form);
  return input;
}

function onSubmit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  if (form.dataset["form"] === undefined || event.defaultPrevented) return;
  const found = fields(form).map((field) => ({ field, message: field.id ? mark(field) : "" })).filter((f) => f.message);
  summarise(form, found);
  if (found.length) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (form.hasAttribute("data-keep")) keep(form, true);
  const button = event.submitter;
  if (button instanceof HTMLButtonElement) {
    // Disabled only after the form data is taken, or the button's own value would be missing.
    setTimeout(() => {
      button.setAttribute("aria-busy", "true");
      button.disabled = true;
      if (form.dataset["busyText"]) button.textContent = form.dataset["busyText"];
    });
  }
}

export function startForms(): void {
  forgetSent();
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-keep]")) bringBack(form);
  for (const field of document.querySelectorAll<HTMLInputElement>("input[data-size]")) resize(field);
  document.querySelector<HTMLElement>("[data-summary-of-errors]")?.focus();

  document.addEventListener("submit", onSubmit);
  let pressed = false;
  document.addEventListener("pointerdown", () => (pressed = true), true);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(() => (pressed = false)), true);
  document.addEventListener("focusout", (event) => {
    const field = event.target as Field;
    if (!field.form || field.form.dataset["form"] === undefined) return;
    const check = (): void => {
      if (field instanceof HTMLInputElement && field.dataset["size"] !== undefined) resize(field);
      // An empty field is only wrong when the form is sent.
      if (field.value || field.hasAttribute("aria-invalid")) mark(field);
    };
    // A message that appears while a button is pressed moves the button away, and the click is lost.
    if (pressed) document.addEventListener("pointerup", () => setTimeout(check, 50), { once: true });
    else setTimeout(check);
  });
  document.addEventListener("input", (event) => {
    const field = event.target as Field;
    if (!field.form) return;
    field.form.dataset["dirty"] = "";
    if (field.hasAttribute("aria-invalid") && field.form.dataset["form"] !== undefined) mark(field);
    if (field.form.hasAttribute("data-keep")) keep(field.form, false);
  });
  document.addEventListener("change", (event) => {
    const field = event.target as Field;
    if (!field.form || !field.hasAttribute("data-reload")) return;
    keep(field.form, false);
    location.replace(`${location.pathname}?${field.name}=${encodeURIComponent(field.value)}`);
  });
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const form = target.closest("form");
    if (form && target.closest("[data-add-disk]")) addDisk(form)?.focus();
    if (form && target.closest("[data-remove-disk]")) {
      target.closest("[data-disk]")?.remove();
      number(form);
    }
  });
}
