// Follows a job: its state and its log lines, woken by events, else every second.

import { call, ended, type Job, jobLog } from "./api";
import { make } from "./dom";

const WAIT_MS = 1000;

export class JobFollower {
  private after = -1;
  private stopped = false;
  private wake: (() => void) | undefined;

  constructor(
    private readonly id: string,
    private readonly list: HTMLOListElement,
    private readonly box: HTMLElement,
    private readonly changed: (job: Job) => void,
    private readonly follow: () => boolean = () => true,
  ) {
    for (const line of list.querySelectorAll<HTMLElement>("[data-serial]")) {
      this.after = Math.max(this.after, Number(line.dataset["serial"]));
    }
    document.addEventListener("gwm:job", this.onEvent);
    void this.loop();
  }

  stop(): void {
    this.stopped = true;
    document.removeEventListener("gwm:job", this.onEvent);
    this.wake?.();
  }

  private readonly onEvent = (event: Event): void => {
    if ((event as CustomEvent<{ id?: string } | undefined>).detail?.id === this.id) this.wake?.();
  };

  private async loop(): Promise<void> {
    while (!this.stopped) {
      try {
        // The state is read before the log: the last lines are there when the state says ended.
        const job = await call<Job>("GET", `/jobs/${encodeURIComponent(this.id)}`);
        const log = await jobLog(this.id, Math.max(0, this.after));
        if (log.hidden) this.sayHidden();
        this.append(log.items);
        this.changed(job);
        if (ended(job.state)) return this.stop();
      } catch {
        // Away for a moment: go on trying, the page's banner says so.
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, WAIT_MS);
      });
    }
  }

  private sayHidden(): void {
    if (!this.list.childElementCount) this.list.append(make("li", { class: "none" }, "The log is for operators of this cluster."));
  }

  private append(lines: { serial: number; time: string; text: string }[]): void {
    const fresh = lines.filter((line) => line.serial > this.after);
    if (!fresh.length) return;
    this.list.querySelector(".none")?.remove();
    for (const line of fresh) {
      this.after = Math.max(this.after, line.serial);
      const time = make("time", { datetime: line.time, title: line.time }, line.time.slice(11, 19));
      this.list.append(make("li", { "data-serial": String(line.serial) }, time, make("span", {}, line.text)));
    }
    if (this.follow()) this.box.scrollTop = this.box.scrollHeight;
  }
}

/** The job page: its log grows; the rest of it is patched by live.ts. */
export function startJobPage(): void {
  const page = document.querySelector<HTMLElement>("[data-job-page]");
  const box = page?.querySelector<HTMLElement>("[data-log]");
  const list = box?.querySelector("ol");
  if (!page || !box || !list) return;
  box.scrollTop = box.scrollHeight;
  if (page.dataset["ended"] === "true") return;
  const id = page.dataset["jobPage"] ?? "";
  const follow = page.querySelector<HTMLInputElement>("[data-follow]");
  let last = "";
  new JobFollower(id, list, box, (job) => {
    const now = JSON.stringify([job.state, job.steps, job.waiting_for]);
    // The page shows a job that has not ended: its first answer may already be another one.
    if (last ? now !== last : ended(job.state)) document.dispatchEvent(new CustomEvent("gwm:refresh", { detail: `job:${id}` }));
    last = now;
  }, () => follow?.checked ?? true);
}
