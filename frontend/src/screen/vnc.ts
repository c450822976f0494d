// noVNC in a frame, on a page of our own.

import { Sync } from "./clipboard-sync";
import { type Display, type Listener, type Picture, openFrame, reachable, watch } from "./display";
import { type Settings, settings } from "./settings";
import type { Desktop, VncView } from "../vnc/desktop";

// nothing fails for being slow: a lost connection tells by itself, long before
const PATIENCE = 60_000;
const QUALITY = { auto: 6, best: 9, light: 2 };
const CODES: Record<string, number> = {
  BackSpace: 0xff08, Tab: 0xff09, Return: 0xff0d, Escape: 0xff1b, Left: 0xff51, Up: 0xff52, Right: 0xff53, Down: 0xff54,
  Print: 0xff61, Delete: 0xffff, F4: 0xffc1, F11: 0xffc8, control: 0xffe3, alt: 0xffe9, shift: 0xffe1,
};

/** X's number for a key or a sign. */
function keysym(key: string): number {
  const code = CODES[key] ?? key.codePointAt(0) ?? 0;
  return code < 0x100 || key in CODES ? code : 0x1000000 + code;
}

export class Vnc implements Display {
  readonly frame: HTMLIFrameElement;
  private desktop: Desktop | null = null;
  private sync_: Sync | null = null;
  private closed = false;
  private readonly timer: number;

  constructor(
    place: HTMLElement,
    label: string,
    private readonly listener: Listener,
  ) {
    this.frame = openFrame("/.armchair/screen/vnc", label, (view) => this.loaded(view as VncView), () => this.fail("page"));
    place.append(this.frame);
    this.timer = window.setTimeout(() => this.fail("late"), PATIENCE);
  }

  /** noVNC asks the browser what it can do before it is there: that may be after the document has loaded. */
  private loaded(view: VncView): void {
    watch(view, this.listener);
    if (view.openDesktop) this.open(view, view.openDesktop);
    else if (view.document.getElementById("desktop")) view.addEventListener("desktop", () => this.open(view, view.openDesktop), { once: true });
    else this.fail("page");
  }

  private open(view: VncView, openDesktop: VncView["openDesktop"]): void {
    if (this.closed || !openDesktop) return;
    const desktop = openDesktop({
      up: () => this.up(),
      down: (why) => this.fail(why),
      copied: (text) => void this.sync_?.fromProgram(text),
    });
    this.desktop = desktop;
    this.sync_ = new Sync(view, {
      give: (text) => this.give(text),
      copied: (text) => this.listener.copied(text),
      tooLong: (from) => this.listener.tooLong(from),
    });
    this.letPaste(view);
    this.apply("quality");
    this.apply("swap");
  }

  /** The paste key goes to the browser first, so that its text comes before the key itself. */
  private letPaste(view: Window): void {
    view.document.addEventListener("keydown", (event) => {
      const held = event.ctrlKey || event.metaKey;
      if (!held || event.altKey || event.key.toLowerCase() !== "v") return;
      event.stopImmediatePropagation();
      const key = event.shiftKey ? "V" : "v";
      window.setTimeout(() => this.strike(key), 30);
    }, { capture: true });
  }

  private strike(key: string): void {
    this.desktop?.key(keysym(key), true);
    this.desktop?.key(keysym(key), false);
  }

  private up(): void {
    window.clearTimeout(this.timer);
    if (this.closed) return;
    this.listener.up();
    this.listener.shown();
  }

  private fail(why: string): void {
    if (this.closed) return;
    this.closed = true;
    window.clearTimeout(this.timer);
    this.listener.down(why);
  }

  focus(): void {
    this.frame.focus();
    this.desktop?.focus();
  }

  give(text: string): void {
    this.desktop?.give(text);
  }

  type(text: string): void {
    for (const sign of text) this.press(sign === "\n" ? "Return" : sign === "\t" ? "Tab" : sign, []);
  }

  press(key: string, modifiers: readonly string[]): void {
    for (const one of modifiers) this.desktop?.key(keysym(one), true);
    this.strike(key);
    for (const one of [...modifiers].reverse()) this.desktop?.key(keysym(one), false);
  }

  pictures(): readonly Picture[] {
    const canvas = reachable(this.frame)?.document.querySelector("canvas");
    if (!canvas) return [];
    const { x, y, width, height } = canvas.getBoundingClientRect();
    return width > 0 && height > 0 ? [{ canvas, x, y, width, height }] : [];
  }

  latency(): number | null {
    return null;
  }

  apply(name: keyof Settings): boolean {
    if (name === "quality") this.desktop?.quality(QUALITY[settings.quality]);
    if (name === "swap") this.desktop?.swap(settings.swap);
    return true;
  }

  sync(): void {
    void this.sync_?.read();
  }

  close(): void {
    this.closed = true;
    window.clearTimeout(this.timer);
    this.desktop?.close();
    this.frame.remove();
  }
}
