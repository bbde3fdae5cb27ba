// Dialogs: asking before something hard to undo, and typing a name before deleting.

import { make } from "./dom";

/** Asks; answers true when the person goes on. The button that changes something is never the default. */
export function ask(question: string, verb: string): Promise<boolean> {
  return new Promise((resolve) => {
    const no = make("button", { type: "submit", class: "btn", value: "no" }, "Leave it");
    const yes = make("button", { type: "submit", class: "btn destroy", value: "yes" }, verb);
    const dialog = make("dialog", { class: "dialog", "aria-label": question },
      make("form", { method: "dialog" }, make("h2", {}, question), make("div", { class: "row end" }, no, yes)));
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}

/** The name is typed as it must be; else says so under the field. */
export function nameTyped(form: HTMLFormElement): boolean {
  const wanted = form.dataset["typeName"];
  const input = form.querySelector<HTMLInputElement>("input[name=confirm]");
  if (!wanted || !input || input.value.trim() === wanted) return true;
  const field = input.closest(".field");
  let error = field?.querySelector<HTMLElement>(".error");
  if (field && !error) {
    error = make("p", { class: "error", id: `${input.id}-error` });
    field.append(error);
  }
  if (error) {
    error.textContent = `Type ${wanted} exactly as it stands there`;
    input.setAttribute("aria-describedby", error.id);
  }
  input.setAttribute("aria-invalid", "true");
  input.focus();
  return false;
}

export function startDialogs(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    if (target.closest("[data-close]")) target.closest("dialog")?.close();
    // The delete link opens the dialog of this page when there is one; else its own page.
    const link = target.closest<HTMLAnchorElement>("a[href$='/delete']");
    const dialog = document.querySelector<HTMLDialogElement>("#delete-dialog");
    const form = dialog?.querySelector("form");
    if (link && dialog && form && new URL(form.action).pathname === link.pathname) {
      event.preventDefault();
      link.closest<HTMLElement>("[popover]")?.hidePopover();
      dialog.showModal();
    }
  });
}
