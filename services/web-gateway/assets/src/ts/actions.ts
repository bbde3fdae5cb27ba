// Buttons that change something: an answer in the row at once, then the job in the drawer.
//
//   <form method="post" action="/clusters/c/instances/i/startup" data-action data-busy="starting…">
//
// posts JSON to /api/v1 + action (or data-api), with data-method when it is not POST. Without script the form
// posts to `action` as any form does.

import { ApiError, call, type Job } from "./api";
import { ask, nameTyped } from "./dialogs";
import { make, status, toast } from "./dom";
import { openDrawer } from "./drawer";
import { refresh } from "./live";

/** Where the status stands that this action changes. */
function statusCell(form: HTMLFormElement): { cell: HTMLElement | null; key: string } {
  const near = form.closest<HTMLElement>("[data-object]") ?? document.querySelector<HTMLElement>(".head[data-object]");
  return { cell: near?.querySelector<HTMLElement>("[data-cell=status]") ?? null, key: near?.dataset["object"] ?? "" };
}

/** The question was answered here; a form without scripts is asked by the server. */
function sure(form: HTMLFormElement): void {
  form.append(make("input", { type: "hidden", name: "sure", value: "yes" }));
}

async function run(form: HTMLFormElement, button: HTMLButtonElement | null): Promise<void> {
  const { cell, key } = statusCell(form);
  const before = cell ? [...cell.childNodes] : [];
  if (cell) {
    const pill = cell.querySelector(".pill") !== null;
    cell.replaceChildren(status("busy", form.dataset["busy"] || "working…", pill));
  }
  form.closest<HTMLElement>("[popover]")?.hidePopover();
  button?.setAttribute("aria-busy", "true");
  if (button) button.disabled = true;
  const path = form.dataset["api"] ?? new URL(form.action).pathname;
  const method = form.dataset["method"] ?? "POST";
  try {
    const job = await call<Job | undefined>(method, path, method === "DELETE" ? undefined : {}, crypto.randomUUID());
    form.closest("dialog")?.close();
    if (job?.id) openDrawer(job);
    else if (key) refresh(key);
  } catch (error) {
    if (cell) cell.replaceChildren(...before);
    if (!(error instanceof ApiError)) throw error;
    // As a plain form it is kept while one signs in again, and comes back not done.
    if (error.problem.status === 401) {
      sure(form);
      return HTMLFormElement.prototype.submit.call(form);
    }
    const { title, detail, requestId } = error.problem;
    toast("bad", title, `${detail}${requestId ? ` (request ${requestId})` : ""}`);
  } finally {
    button?.removeAttribute("aria-busy");
    if (button) button.disabled = false;
  }
}

export function startActions(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    const button = event.submitter instanceof HTMLButtonElement ? event.submitter : null;
    if (!nameTyped(form)) {
      event.preventDefault();
      return;
    }
    const acts = form.hasAttribute("data-action");
    const question = form.dataset["confirm"];
    if (!acts && !question) return;
    if (!acts && form.hasAttribute("data-confirmed")) return;
    event.preventDefault();
    void (async () => {
      if (question && !(await ask(question, button?.textContent?.trim() || "Go on"))) return;
      if (acts) return run(form, button);
      form.setAttribute("data-confirmed", "");
      sure(form);
      form.requestSubmit(button);
    })();
  });
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    if (target.closest("[aria-disabled=true]")) event.preventDefault();
    const open = target.closest<HTMLElement>("[data-open-job]");
    if (open && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      void call<Job>("GET", `/jobs/${open.dataset["openJob"] ?? ""}`).then(openDrawer, () => location.assign(open.getAttribute("href") ?? "/jobs"));
    }
  });
}
