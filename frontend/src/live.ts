// One event stream for all tabs of this browser: a leader holds it (Web Locks) and tells the others (BroadcastChannel).
// Browsers allow six connections to a host; without locks each tab has a stream of its own.

import htmx from "htmx.org";
import { follow, restore } from "./memory";
import { freshen } from "./times";

type News = { kind: "session"; session: string } | { kind: "resync" } | { kind: "over" } | { kind: "up" } | { kind: "down" };

const SILENCE = 4000;
const pending = new Set<string>();
let timer: number | undefined;
let down: number | undefined;

function offline(shown: boolean): void {
  const banner = document.getElementById("offline");
  if (banner) banner.hidden = !shown;
}

function busy(element: Element): boolean {
  return element.querySelector("details.menu[open], input:focus, dialog[open]") !== null || (window.getSelection()?.type === "Range" && element.contains(window.getSelection()?.anchorNode ?? null));
}

async function refresh(element: HTMLElement): Promise<void> {
  const source = element.dataset.src;
  if (!source || !element.isConnected) return;
  if (busy(element)) {
    later(element.dataset.live ?? "*", 2000);
    return;
  }
  const id = element.id;
  const focused = document.activeElement?.closest(`#${CSS.escape(id)}`) ? document.activeElement.getAttribute("href") : null;
  const chosen = document.activeElement === element;
  await htmx.ajax("get", source, { target: element, swap: "outerHTML", ...(element.dataset.select ? { select: element.dataset.select } : {}) });
  const fresh = document.getElementById(id);
  if (!fresh) return;
  if (chosen) fresh.focus();
  else if (focused) fresh.querySelector<HTMLElement>(`[href="${CSS.escape(focused)}"]`)?.focus();
  restore(fresh);
  freshen(document);
  follow();
  go();
}

/** The waiting page: on as soon as the session is ready. */
function go(): void {
  const target = document.querySelector<HTMLElement>("[data-go]")?.dataset.go;
  if (target) setTimeout(() => location.assign(target), 300);
}

function later(session: string, wait = 30): void {
  pending.add(session);
  timer ??= window.setTimeout(flush, wait);
}

function flush(): void {
  timer = undefined;
  const sessions = [...pending];
  pending.clear();
  const list = document.querySelector<HTMLElement>('[data-live="*"]');
  const places = sessions.map((session) => document.querySelector<HTMLElement>(`[data-live="${CSS.escape(session)}"]`));
  // a session that this page does not show yet, or many at once: the whole list in one request
  if (list && (sessions.includes("*") || places.includes(null) || sessions.length > 5)) {
    void refresh(list);
    return;
  }
  if (sessions.includes("*")) for (const place of document.querySelectorAll<HTMLElement>("[data-live]")) void refresh(place);
  for (const place of places) if (place && place.dataset.live !== "*") void refresh(place);
}

function hear(news: News): void {
  if (news.kind === "session") later(news.session);
  if (news.kind === "resync") later("*");
  if (news.kind === "over") location.reload();
  if (news.kind === "up") {
    clearTimeout(down);
    down = undefined;
    offline(false);
  }
  if (news.kind === "down") down ??= window.setTimeout(() => offline(true), SILENCE);
}

function listen(url: string, tell: (news: News) => void): void {
  const source = new EventSource(url);
  let first = true;
  source.addEventListener("open", () => tell({ kind: "up" }));
  source.addEventListener("session", (event) => {
    const data = JSON.parse((event as MessageEvent<string>).data) as { session: string };
    tell({ kind: "session", session: data.session });
  });
  source.addEventListener("resync", () => {
    if (!first || document.querySelector("[data-open-when], [data-go]")) tell({ kind: "resync" });
    first = false;
  });
  source.addEventListener("over", () => {
    source.close();
    tell({ kind: "over" });
  });
  source.addEventListener("error", () => {
    tell({ kind: "down" });
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(url, tell), 2000); // an error page, not silence
  });
}

export function startLive(): void {
  const url = document.querySelector<HTMLElement>("[data-events]")?.dataset.events;
  document.body.addEventListener("htmx:responseError", (event) => {
    const status = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr.status;
    if (status === 401) location.reload();
  });
  go();
  if (!url) return;
  if (!("locks" in navigator) || !("BroadcastChannel" in window)) {
    listen(url, hear);
    return;
  }
  const channel = new BroadcastChannel(`armchair${url}`);
  channel.addEventListener("message", (event: MessageEvent<News>) => hear(event.data));
  void navigator.locks.request(`armchair${url}`, () => {
    listen(url, (news) => {
      hear(news);
      channel.postMessage(news);
    });
    return new Promise(() => undefined); // held until this tab closes; then another tab leads
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) later("*");
  });
}
