// The console page: a ticket, a WebSocket to vnc-proxy, noVNC on top. The browser never learns where the node is.

import RFB from "@novnc/novnc";

import { ApiError, call } from "./api";
import { make } from "./dom";

interface Opened {
  websocket_url: string;
  ticket: string;
}

// vnc-proxy's close codes (services/vnc-proxy/src/relay.rs); its reason, when it gives one, replaces the second text.
const REASONS: Record<number, [string, string]> = {
  4003: ["You may not use this console any more", "The right, the login or the token ended."],
  4004: ["The instance’s screen is gone", "It was stopped, rebooted or moved. Connect again in a moment."],
  4005: ["The console and this browser do not understand each other", "Load the page again."],
  4006: ["The console service is being restarted", "Connect again."],
  4011: ["The console could not be opened", "The instance may be starting, or its VNC address is not reachable from vnc-proxy."],
  4012: ["The screen asked for a password that gwm does not have", "An administrator sets the cluster’s VNC password."],
  4013: ["Permissions could not be checked", "The auth service does not answer. Try again in a moment."],
};

const root = document.getElementById("console") as HTMLElement;
const screen = document.getElementById("screen") as HTMLElement;
const cover = document.getElementById("cover") as HTMLElement;
const coverText = document.getElementById("cover-text") as HTMLElement;
const line = document.getElementById("console-status") as HTMLElement;

let rfb: RFB | undefined;
let attempt = 0;
let fit = true;

const button = (name: string): HTMLButtonElement => root.querySelector<HTMLButtonElement>(`[data-do=${name}]`) as HTMLButtonElement;

function usable(on: boolean): void {
  for (const name of ["cad", "paste"]) button(name).disabled = !on;
}

function say(title: string, detail: string, again: boolean): void {
  line.textContent = title;
  cover.hidden = false;
  const retry = make("button", { type: "button", class: "btn primary" }, "Connect again");
  retry.addEventListener("click", () => void connect());
  coverText.replaceChildren(make("h2", {}, title), make("p", { class: "muted" }, detail), ...(again ? [make("div", { class: "row" }, retry)] : [make("progress", { "aria-label": title })]));
  if (again) retry.focus();
}

function closed(code: number, reason: string, wasOpen: boolean): void {
  const known = REASONS[code];
  const words = reason && `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${reason.endsWith(".") ? "" : "."}`;
  if (known) say(known[0], words || known[1], true);
  else if (words) say("The console was closed", words, true);
  else if (wasOpen) say("The connection ended", "The instance may have stopped or moved, or the network was cut.", true);
  else say("The console could not be opened", "vnc-proxy does not answer. Other parts of gwm are not affected.", true);
}

async function connect(): Promise<void> {
  const mine = ++attempt;
  rfb?.disconnect();
  rfb = undefined;
  usable(false);
  say("Connecting", "Asking for a ticket.", false);
  let opened: Opened;
  try {
    opened = await call<Opened>("POST", "/consoles", { cluster: root.dataset["cluster"], instance: root.dataset["instance"], kind: "vnc" });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (mine === attempt) say(error.problem.title, error.problem.detail, true);
    return;
  }
  if (mine !== attempt) return;
  say("Connecting", "Waiting for the instance’s screen.", false);
  // The ticket travels as a sub-protocol: it must not stand in a URL, which lands in logs.
  const socket = new WebSocket(opened.websocket_url, ["binary", `gwm.ticket.${opened.ticket}`]);
  let open = false;
  // noVNC tells neither code nor reason: they are taken from the socket itself.
  socket.addEventListener("close", (event) => {
    if (mine !== attempt) return;
    usable(false);
    closed(event.code, event.reason, open);
  });
  const session = new RFB(screen, socket, { shared: true });
  rfb = session;
  session.scaleViewport = fit;
  session.background = "transparent";
  session.addEventListener("connect", () => {
    open = true;
    line.textContent = "Connected";
    cover.hidden = true;
    usable(true);
    session.focus();
  });
  session.addEventListener("securityfailure", () => closed(4012, "", false));
  session.addEventListener("credentialsrequired", () => closed(4012, "", false));
  // The guest's clipboard is put into ours only while this page has the focus.
  session.addEventListener("clipboard", (event) => {
    const text = (event as CustomEvent<{ text: string }>).detail.text;
    if (document.hasFocus()) void navigator.clipboard?.writeText(text).catch(() => undefined);
  });
}

/** Types a text key by key: works in guests that know no clipboard. */
async function type(text: string): Promise<void> {
  for (const character of text.replaceAll("\r\n", "\n")) {
    const code = character.codePointAt(0) ?? 0;
    const shift = /[A-Z~!@#$%^&*()_+{}|:"<>?]/.test(character);
    const keysym = character === "\n" ? 0xff0d : character === "\t" ? 0xff09 : code < 0x100 ? code : 0x01000000 | code;
    if (shift) rfb?.sendKey(0xffe1, "ShiftLeft", true);
    rfb?.sendKey(keysym, null);
    if (shift) rfb?.sendKey(0xffe1, "ShiftLeft", false);
    // A guest's keyboard buffer is short.
    await new Promise((resolve) => setTimeout(resolve, 8));
  }
}

const dialog = document.getElementById("paste-dialog") as HTMLDialogElement;
const area = document.getElementById("paste-text") as HTMLTextAreaElement;

root.addEventListener("click", (event) => {
  const target = event.target as Element;
  if (target.closest("[data-close]")) dialog.close();
  switch (target.closest<HTMLElement>("[data-do]")?.dataset["do"]) {
    case "cad":
      rfb?.sendCtrlAltDel();
      rfb?.focus();
      break;
    case "paste":
      dialog.returnValue = "";
      dialog.showModal();
      break;
    case "scale":
      fit = !fit;
      button("scale").setAttribute("aria-pressed", String(fit));
      if (rfb) rfb.scaleViewport = fit;
      break;
    case "full":
      if (document.fullscreenElement) void document.exitFullscreen();
      else void root.requestFullscreen();
      break;
    case "reconnect":
      void connect();
      break;
    default:
  }
});
dialog.addEventListener("close", () => {
  const text = area.value;
  area.value = "";
  if (dialog.returnValue === "type" && text) void type(text);
  rfb?.focus();
});
window.addEventListener("pagehide", () => rfb?.disconnect());
void connect();
