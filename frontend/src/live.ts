// One event stream for all tabs of this browser: a leader holds it (Web Locks) and tells the others (BroadcastChannel).
// Browsers allow six connections to a host; without locks each tab has a stream of its own.

import htmx from "htmx.org";
import { follow, restore } from "./memory";
import { type Told, show } from "./notify";
import { freshen } from "./times";

type News = { kind: "session"; session: string } | { kind: "cluster"; cluster: string } | { kind: "resync" } | { kind: "over" } | { kind: "up" } | { kind: "down" };

const SILENCE = 4000;
/** Nothing is replaced under a person's hands: an open menu, a field, a selection. */
const WHEN_FREE = 500;
const AFTER_FAILURE = 5000;
const pending = new Set<string>();
let timer: number | undefined;
let fetching = false;
let down: number | undefined;

function offline(shown: boolean): void {
  const banner = document.getElementById("offline");
  if (banner) banner.hidden = !shown;
}

/** Tells a screen reader. The place is never replaced, so what is put there is read out. */
export function say(text: string): void {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

/** One session's state in words, with its name in a list; the sentence of a launch form; "" for the list itself. */
function stateOf(element: HTMLElement): string {
  if (element.dataset.live === "*") return "";
  const text = (selector: string): string => (element.querySelector(selector)?.textContent ?? "").replace(/\s+/g, " ").trim();
  if (element.dataset.with === "form") return text("p");
  return [text(".name a"), text(".state strong")].filter(Boolean).join(": ");
}

function busy(element: Element): boolean {
  return element.querySelector("details.menu[open], input:focus, select:focus, dialog[open]") !== null || (window.getSelection()?.type === "Range" && element.contains(window.getSelection()?.anchorNode ?? null));
}

/** Where a live part is fetched: with the answers of the form that it stands in, when it depends on them. */
function sourceOf(element: HTMLElement): string | undefined {
  const form = element.dataset.with === "form" ? element.closest("form") : null;
  if (!form || !element.dataset.src) return element.dataset.src;
  const place = /^(size|cluster|placement\..*|resources\..*)$/;
  const answers = [...new FormData(form)].filter(([name, value]) => place.test(name) && value !== "") as [string, string][];
  const where = element.dataset.cluster === new FormData(form).get("cluster") || !form.querySelector("[data-where]") ? [] : [["where", "1"]];
  return `${element.dataset.src}?${new URLSearchParams([...answers, ...where])}`;
}

/** A selector that finds what has the keyboard again, in what takes its place. */
function finder(element: Element): string | null {
  const href = element.getAttribute("href");
  if (href) return `[href="${CSS.escape(href)}"]`;
  if (element.id) return `#${CSS.escape(element.id)}`;
  const form = element.closest("form")?.id;
  return form ? `#${CSS.escape(form)} ${element.localName}` : null;
}

/** What somebody has chosen and not sent yet, by the choice's id. */
function unsaved(element: HTMLElement): [string, string][] {
  const changed = [...element.querySelectorAll("select")].filter((one) => one.selectedIndex !== Math.max(0, [...one.options].findIndex((option) => option.defaultSelected)));
  return changed.map((one) => [one.id, one.value]);
}

/** What a person had in hand when a part of the page was about to be replaced, by the part's id. */
const held = new Map<string, { itself: boolean; focused: string | null; choices: [string, string][] }>();

function hold(element: HTMLElement): void {
  const active = document.activeElement;
  const inside = active !== null && active !== element && element.contains(active);
  held.set(element.id, { itself: active === element, focused: inside ? finder(active) : null, choices: unsaved(element) });
}

function giveBack(fresh: HTMLElement): void {
  const had = held.get(fresh.id);
  held.delete(fresh.id);
  if (!had) return;
  if (had.itself) fresh.focus();
  else if (had.focused) fresh.querySelector<HTMLElement>(had.focused)?.focus();
  for (const [place, value] of had.choices) {
    const select = document.getElementById(place);
    if (select instanceof HTMLSelectElement && [...select.options].some((one) => one.value === value)) select.value = value;
  }
}

async function refresh(element: HTMLElement): Promise<void> {
  const source = sourceOf(element);
  if (!source || !element.isConnected) return;
  if (busy(element)) {
    again(element, WHEN_FREE);
    return;
  }
  const id = element.id;
  const before = stateOf(element);
  try {
    await htmx.ajax("get", source, { target: element, swap: "outerHTML", ...(element.dataset.select ? { select: element.dataset.select } : {}) });
  } catch {
    return; // the portal is away: when it is back the stream says "resync", and all is fetched again
  }
  const fresh = document.getElementById(id);
  if (!fresh) return;
  const after = stateOf(fresh);
  if (after !== before) say(after);
  giveBack(fresh);
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

function again(element: HTMLElement, wait: number): void {
  const { live, cluster } = element.dataset;
  setTimeout(() => later(cluster === undefined ? (live ?? "*") : `@${cluster}`), wait);
}

export function later(session: string): void {
  pending.add(session);
  timer ??= window.setTimeout(() => void flush(), 30);
}

/** One at a time: an answer that is overtaken would land in a place that is no longer on the page. */
async function flush(): Promise<void> {
  if (fetching) return;
  timer = undefined;
  fetching = true;
  const sessions = [...pending];
  pending.clear();
  try {
    await fetchAll(sessions);
  } finally {
    fetching = false;
    if (timer !== undefined || pending.size > 0) timer = window.setTimeout(() => void flush(), 0);
  }
}

async function fetchAll(sessions: string[]): Promise<void> {
  const list = document.querySelector<HTMLElement>('[data-live="*"]');
  const clusters = [...document.querySelectorAll<HTMLElement>("[data-cluster]")];
  const stale = clusters.filter((place) => sessions.includes("*") || sessions.includes(`@${place.dataset.cluster}`));
  if (stale.length > 0) await Promise.all(stale.map(refresh));
  sessions = sessions.filter((session) => !session.startsWith("@"));
  if (sessions.length === 0) return;
  const places = sessions.map((session) => document.querySelector<HTMLElement>(`[data-live="${CSS.escape(session)}"]`));
  // a session that this page does not show yet, or many at once: the whole list in one request
  if (list && (sessions.includes("*") || places.includes(null) || sessions.length > 5)) {
    await refresh(list);
    return;
  }
  const all = sessions.includes("*") ? [...document.querySelectorAll<HTMLElement>("[data-live]")] : places;
  await Promise.all(all.map((place) => (place && place.dataset.live !== "*" ? refresh(place) : undefined)));
}

function hear(news: News): void {
  if (news.kind === "session") later(news.session);
  if (news.kind === "cluster") later(`@${news.cluster}`);
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
  source.addEventListener("cluster", (event) => {
    const data = JSON.parse((event as MessageEvent<string>).data) as { cluster: string };
    tell({ kind: "cluster", cluster: data.cluster });
  });
  source.addEventListener("told", (event) => show(JSON.parse((event as MessageEvent<string>).data) as Told));
  source.addEventListener("open", () => tell({ kind: "up" }));
  source.addEventListener("session", (event) => {
    const data = JSON.parse((event as MessageEvent<string>).data) as { session: string };
    tell({ kind: "session", session: data.session });
  });
  // also the first time: something may have happened between the page's making and the stream's beginning
  source.addEventListener("resync", () => tell({ kind: "resync" }));
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
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = event as CustomEvent<{ target: HTMLElement; shouldSwap: boolean }>;
    if (!busy(detail.target)) {
      hold(detail.target);
      return;
    }
    detail.shouldSwap = false; // somebody opened a menu while the answer was under way
    again(detail.target, WHEN_FREE);
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    const { xhr, target } = (event as CustomEvent<{ xhr: XMLHttpRequest; target: HTMLElement }>).detail;
    if (xhr.status === 401) location.reload();
    // the stream may go on and never say it again
    if (xhr.status >= 500) again(target, AFTER_FAILURE);
  });
  go();
  if (!url) return;
  if (!("locks" in navigator) || !("BroadcastChannel" in window)) {
    listen(url, hear);
    return;
  }
  const name = `armchair${url}`;
  const channel = new BroadcastChannel(name);
  channel.addEventListener("message", (event: MessageEvent<News>) => hear(event.data));
  const lead = (): Promise<void> => {
    listen(url, (news) => {
      hear(news);
      channel.postMessage(news);
    });
    return new Promise(() => undefined); // held until this tab closes; then another tab leads
  };
  void navigator.locks.request(name, { ifAvailable: true }, (free) => {
    if (free) return lead();
    later("*"); // the leader may have told something while this page was still loading
    void navigator.locks.request(name, lead);
    return undefined;
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) later("*");
  });
}
