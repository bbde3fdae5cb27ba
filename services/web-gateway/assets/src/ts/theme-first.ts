// Loaded before the first paint and kept tiny: a chosen theme must not flash the other one.
try {
  const choice = localStorage.getItem("gwm-theme");
  if (choice === "light" || choice === "dark") document.documentElement.dataset["theme"] = choice;
} catch {
  // Storage is refused: the system's theme stays.
}
