// Light, dark, or as the system has it.

function current(): string {
  return document.documentElement.dataset["theme"] ?? "system";
}

function show(): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset["themeChoice"] === current()));
  }
}

export function startTheme(): void {
  show();
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-theme-choice]");
    if (!button) return;
    const choice = button.dataset["themeChoice"] ?? "system";
    if (choice === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = choice;
    try {
      localStorage.setItem("gwm-theme", choice);
    } catch {
      // Storage is refused: the choice lasts for this page.
    }
    show();
    button.closest<HTMLElement>("[popover]")?.hidePopover();
  });
}
