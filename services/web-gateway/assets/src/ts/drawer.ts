// The job drawer: follows one job without leaving the page.

import { ended, type Job } from "./api";
import { announce, icon, jobStatus, make, toast } from "./dom";
import { JobFollower } from "./joblog";
import { refresh } from "./live";

let follower: JobFollower | undefined;
let drawer: HTMLElement | undefined;

const VERBS: Record<string, string> = {
  create: "Create", startup: "Start", shutdown: "Shut down", reboot: "Reboot", remove: "Delete", delete: "Delete",
};

function title(job: Job): string {
  return `${VERBS[job.kind] ?? job.kind} ${job.object?.name ?? ""}`.trim();
}

function close(): void {
  follower?.stop();
  drawer?.remove();
  follower = drawer = undefined;
}

function finished(job: Job): void {
  const key = job.object?.uuid ? `${job.object.kind ?? "instance"}:${job.object.uuid}` : "";
  if (key) refresh(key);
  const name = title(job);
  announce(`${name}: ${job.state}`);
  if (job.state !== "succeeded") return;
  const shown = drawer;
  // A finished job leaves a quiet notice; a failed one stays until it is closed.
  window.setTimeout(() => {
    if (drawer !== shown || shown?.contains(document.activeElement) || shown?.matches(":hover")) return;
    close();
    toast("ok", `${name}: done`, "", { label: "Log", href: `/jobs/${job.id}` });
  }, 2500);
}

export function openDrawer(job: Job): void {
  close();
  const state = make("span", {}, jobStatus(job.state));
  const progress = make("progress", { "aria-label": "Progress" });
  const note = make("p", { class: "muted small" }, "Sent; waiting for Ganeti.");
  const list = make("ol");
  const log = make("div", { class: "log", tabindex: "0", role: "log", "aria-label": "Job log" }, list);
  const x = make("button", { type: "button", class: "tool", "aria-label": "Close" }, icon("x"));
  x.addEventListener("click", close);
  drawer = make("aside", { class: "drawer", "aria-label": `Job: ${title(job)}` },
    make("header", {}, make("h2", {}, title(job)), state, x),
    make("div", { class: "body" }, progress, note), log,
    make("footer", {}, make("span", { class: "muted" }, job.cluster), make("a", { href: `/jobs/${job.id}` }, "Open the job")));
  document.getElementById("toasts")?.append(drawer);

  const changed = (now: Job): void => {
    state.replaceChildren(jobStatus(now.state));
    const steps = now.steps ?? [];
    const done = steps.filter((step) => step.state === "succeeded").length;
    if (steps.length > 1 && done > 0) {
      progress.max = steps.length;
      progress.value = done;
    }
    const step = steps.find((s) => s.state !== "succeeded");
    if (ended(now.state)) {
      progress.remove();
      note.textContent = now.error ? [now.error.message, now.error.hint].filter(Boolean).join(" ") : `It ${now.state === "succeeded" ? "is done" : `was ${now.state}`}.`;
      if (now.state === "failed") note.className = "error";
      finished(now);
    } else if (now.waiting_for) note.textContent = `Waiting for ${now.waiting_for}`;
    else if (step) note.textContent = `Step ${done + 1} of ${steps.length}${step.ganeti_job ? `, Ganeti job ${step.ganeti_job}: ${step.ganeti_status ?? "sent"}` : ""}`;
  };
  follower = new JobFollower(job.id, list, log, changed);
}
