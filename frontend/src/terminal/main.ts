// The terminal's page: xterm.js, one WebSocket, and the way back when the connection is lost.

import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";

import "./style.css";

const LONGEST_WAIT = 10_000;
const BIG_PASTE = 32 * 1024;
const encoder = new TextEncoder();

const screenElement = document.getElementById("screen") as HTMLElement;
const noticeElement = document.getElementById("notice") as HTMLElement;

const terminal = new Terminal({
  cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  fontFamily: "'JetBrains Mono', ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
  fontSize: 14,
  scrollback: 10_000,
  screenReaderMode: localStorage.getItem("screen-reader") === "yes",
  theme: { background: "#14161a", foreground: "#dfe3ea", cursor: "#9db4d0", selectionBackground: "#3d4f6b" },
});
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(screenElement);
fit.fit();
terminal.focus();

let socket: WebSocket | undefined;
let attempts = 0;
let over = false;
let timer: number | undefined;

function notice(text: string): void {
  if (noticeElement.textContent !== text) noticeElement.textContent = text;
  noticeElement.hidden = text === "";
}

function isOpen(): boolean {
  return socket?.readyState === WebSocket.OPEN;
}

function send(data: string | Uint8Array<ArrayBuffer>): void {
  if (isOpen()) socket?.send(data);
}

function sendSize(): void {
  send(JSON.stringify({ rows: terminal.rows, cols: terminal.cols }));
}

function type(data: Uint8Array<ArrayBuffer>): void {
  for (let start = 0; start < data.length; start += BIG_PASTE) send(data.slice(start, start + BIG_PASTE));
}

function connect(): void {
  window.clearTimeout(timer);
  const address = new URL("ws", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.search = "";
  address.hash = "";
  let opened = false;
  socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    opened = true;
    attempts = 0;
    notice("");
    terminal.reset(); // what comes now is the whole screen with its history
    sendSize();
  };
  socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
    if (typeof event.data === "string") ended(event.data);
    else terminal.write(new Uint8Array(event.data));
  };
  socket.onclose = () => void lost(opened);
}

function ended(message: string): void {
  const code = (JSON.parse(message) as { ended?: number }).ended;
  over = true;
  terminal.options.disableStdin = true;
  notice(code === 0 ? "The shell has exited. This session is over." : `The shell has exited with code ${code}. This session is over.`);
}

async function lost(opened: boolean): Promise<void> {
  if (over) return;
  attempts += 1;
  notice(navigator.onLine ? "The connection is lost. Your shell goes on; reconnecting…" : "You are offline. Your shell goes on.");
  // A WebSocket that is refused does not say why. The ticket may have become old: this renews it, if we still may come in.
  if (!opened) await renew();
  const wait = Math.min(LONGEST_WAIT, 250 * 2 ** Math.min(attempts, 6)) * (0.75 + Math.random() / 2);
  timer = window.setTimeout(connect, opened ? 100 : wait);
}

async function renew(): Promise<void> {
  try {
    const answer = await fetch("/.armchair/renew", { cache: "no-store", credentials: "same-origin" });
    if (answer.status === 401 || answer.status === 403 || answer.status === 404) {
      notice("You are no longer signed in, or the session is over. Open it from the portal again.");
    }
  } catch {
    // offline, or sent on to another host: the next attempt tells
  }
}

terminal.onData((data) => type(encoder.encode(data)));
// some mouse reports are bytes, not text
terminal.onBinary((data) => type(Uint8Array.from(data, (character) => character.charCodeAt(0) & 255)));
terminal.onResize(sendSize);
terminal.onTitleChange((title) => {
  document.title = title === "" ? "Terminal" : title;
});
new ResizeObserver(() => fit.fit()).observe(screenElement);

// Ctrl+C belongs to the program, so copying is Ctrl+Shift+C; pasting with Ctrl+Shift+V the browser does by itself.
terminal.attachCustomKeyEventHandler((event) => {
  if (event.type !== "keydown" || !event.ctrlKey || !event.shiftKey || event.code !== "KeyC") return true;
  event.preventDefault();
  if (terminal.hasSelection()) void navigator.clipboard.writeText(terminal.getSelection());
  return false;
});

addEventListener("online", () => {
  if (!isOpen() && !over) connect();
});

connect();
