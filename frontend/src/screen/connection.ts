// Holds the display: opens it, notices when it is gone, and brings it back. What a person sees meanwhile is the cover.

import { byId, speak, title, words } from "./dom";
import { type Display, type Listener, scale } from "./display";
import { settings } from "./settings";
import { type Standing, ask, isOver } from "./standing";
import { Vnc } from "./vnc";
import { Xpra } from "./xpra";

const PAUSES = [0, 500, 1000, 2000, 4000, 8000, 15_000];
// somebody who sees the page waits for it
const LONGEST_WATCHED = 5000;
const PROBE_LIMIT = 8000;
// a network that has just come back loses the first question, and its own second one comes late
const FIRST_LIMIT = 3000;
// of tries, when something says that it is worth trying
const FRESH = 2;
// a program that takes its time to open a window is looked at rather than waited for
const LONGEST_COVER = 8000;

export interface State {
  display: string;
  files: string;
  sound: boolean;
  program: string;
  folder: string;
}

// sessions that were started before there was a screen program have Xpra alone
const WITHOUT: State = { display: "xpra", files: "none", sound: false, program: "running", folder: "" };

type Probe = { kind: "state"; state: State } | { kind: "login" } | { kind: "silent" };

async function probe(limit = PROBE_LIMIT): Promise<Probe> {
  try {
    const answer = await fetch("/-/state", { signal: AbortSignal.timeout(limit), headers: { Accept: "application/json" } });
    if (answer.ok && answer.headers.get("content-type")?.includes("json")) return { kind: "state", state: (await answer.json()) as State };
    if (answer.status === 404 || answer.ok) return { kind: "state", state: WITHOUT };
    return { kind: answer.status === 401 ? "login" : "silent" };
  } catch {
    return { kind: "silent" };
  }
}

export class Connection {
  display: Display | null = null;
  private old: Display | null = null;
  state: State = WITHOUT;
  up = false;
  over = false;
  private everUp = false;
  private unlike = false;
  private tries = 0;
  private attempt = 0;
  private timer: number | undefined;
  private ticking: number | undefined;

  constructor(
    private readonly place: HTMLElement,
    private readonly listener: Omit<Listener, "up" | "shown" | "down">,
    private readonly changed: () => void,
  ) {
    byId("cover-now").addEventListener("click", () => this.now());
    window.addEventListener("online", () => this.now());
    window.addEventListener("offline", () => this.check());
    document.addEventListener("visibilitychange", () => !document.hidden && this.now());
    this.watchClock();
  }

  /** Tries at once, unless all is well. */
  now(): void {
    if (this.up || this.over || this.timer === undefined) return;
    this.tries = Math.min(this.tries, FRESH);
    void this.open();
  }

  async open(): Promise<void> {
    window.clearTimeout(this.timer);
    window.clearInterval(this.ticking);
    this.timer = undefined;
    const attempt = ++this.attempt;
    if (!navigator.onLine && this.everUp) {
      this.later();
      return;
    }
    const found = await probe(this.everUp && this.tries <= FRESH ? FIRST_LIMIT : PROBE_LIMIT);
    if (attempt !== this.attempt || this.over) return;
    if (found.kind === "state") this.mount(found.state);
    else await this.explain(found.kind);
  }

  private mount(state: State): void {
    this.state = state;
    // the lost one stays in sight below the cover until its successor has something to show
    this.old = this.display;
    const attempt = this.attempt;
    const listener: Listener = {
      ...this.listener,
      up: () => attempt === this.attempt && this.connected(),
      shown: () => attempt === this.attempt && this.uncover(),
      down: (why) => attempt === this.attempt && this.lost(why),
    };
    const made = state.display === "vnc" ? new Vnc(this.place, title, listener) : new Xpra(this.place, title, listener, state.sound);
    made.frame.classList.add("coming");
    this.display = made;
    this.rescale();
    this.changed();
  }

  private connected(): void {
    const back = this.everUp;
    this.up = this.everUp = true;
    this.unlike = false;
    this.tries = 0;
    this.old?.close();
    this.old = null;
    this.display?.frame.classList.remove("coming");
    if (back) {
      speak(words("back"));
      this.uncover();
    } else window.setTimeout(() => this.up && this.uncover(), LONGEST_COVER);
    this.changed();
  }

  private uncover(): void {
    if (byId("cover").hidden || this.over) return;
    byId("cover").hidden = true;
    if (document.activeElement === document.body || byId("cover").contains(document.activeElement)) this.display?.focus();
  }

  /** The display says that it is gone: why is for the portal to tell. */
  lost(why: string): void {
    if (this.over) return;
    this.up = false;
    this.unlike = /version/i.test(why);
    console.info("display lost:", why);
    if (this.display?.frame.classList.contains("coming")) {
      // it never came: what was there before it, if anything, stays in sight
      this.display.close();
      this.display = this.old;
      this.old = null;
    }
    this.changed();
    this.later();
  }

  private later(): void {
    const longest = document.hidden || this.unlike ? Number.POSITIVE_INFINITY : LONGEST_WATCHED;
    const pause = Math.min(PAUSES[Math.min(this.tries, PAUSES.length - 1)] ?? 0, longest) * (0.8 + 0.4 * Math.random());
    this.tries += 1;
    const at = performance.now() + pause;
    this.timer = window.setTimeout(() => void this.open(), pause);
    const tell = (): void => {
      const seconds = Math.ceil((at - performance.now()) / 1000);
      if (this.unlike) this.cover(words("unlike"), words("unlike_more"), true);
      else if (!navigator.onLine) this.cover(words("offline"), words("offline_more"), true);
      else if (this.everUp) this.cover(words("lost"), seconds > 2 ? words("lost_wait", { seconds }) : words("lost_more"), true);
      else this.cover(words("opening", { title }), words("opening_more"), this.tries > 3);
    };
    tell();
    window.clearInterval(this.ticking);
    this.ticking = window.setInterval(tell, 1000);
  }

  /** The display can't be reached: it may be the network, the session's end, or the login's. */
  private async explain(kind: "login" | "silent"): Promise<void> {
    const attempt = this.attempt;
    const answer = await ask();
    if (attempt !== this.attempt || this.over) return;
    if (answer.kind === "standing" && isOver(answer.standing)) this.end(answer.standing);
    else if (answer.kind === "standing" && answer.standing.phase !== "ready") this.leave("/.armchair/waiting?next=/.armchair/screen");
    else if (answer.kind === "login" || kind === "login") this.leave("/.armchair/screen");
    else {
      this.unlike = false;
      this.later();
    }
  }

  /** The session is over: its own words, and the way to its page. */
  end(standing: Standing): void {
    if (this.over && standing.phase !== "ended") return;
    this.over = true;
    this.up = false;
    this.attempt += 1;
    window.clearTimeout(this.timer);
    window.clearInterval(this.ticking);
    this.cover(standing.title, standing.detail, false);
    byId("cover-page").hidden = false;
    byId("cover-page").focus();
    this.changed();
  }

  /** Only a page can be logged in again, or wait: the whole page goes there. */
  private leave(path: string): void {
    this.over = true;
    this.cover(words("login"), words("login_more"), false);
    this.changed();
    location.replace(path);
  }

  private cover(head: string, text: string, urge: boolean): void {
    const place = byId("cover-title");
    if (place.textContent !== head) place.textContent = head;
    byId("cover-text").textContent = text;
    byId("cover-now").hidden = !urge;
    byId("cover").classList.toggle("over-picture", this.everUp);
    byId("cover").hidden = false;
  }

  /** Whether the other end still answers; a display whose network has gone may not notice for long. */
  async check(): Promise<void> {
    if (!this.up) return;
    const attempt = this.attempt;
    const found = await probe();
    if (attempt === this.attempt && this.up && found.kind !== "state") this.lost("no answer");
  }

  /** A computer that was asleep wakes up with dead connections that nobody has told it about. */
  private watchClock(): void {
    let last = Date.now();
    window.setInterval(() => {
      const now = Date.now();
      if (now - last > 30_000) void this.check();
      last = now;
    }, 5000);
  }

  /** A new display with other settings. */
  renew(): void {
    if (this.up) void this.open();
  }

  rescale(): void {
    if (this.display) scale(this.display.frame, settings.scale);
  }
}
