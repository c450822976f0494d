// What the page needs of a display, whichever protocol it speaks, and the frame that it lives in.
//
// Each display has a frame of its own: its script keeps its own document, keys and coordinates, and scaling is a matter of
// the frame's size alone.

import type { Settings } from "./settings";

export interface Listener {
  /** The connection stands. */
  up(): void;
  /** There is something to see. */
  shown(): void;
  /** The connection is gone for good; a new display is needed. */
  down(why: string): void;
  copied(text: string): void;
  /** A text was too long to be copied from here, or from the program. */
  tooLong(from: "here" | "program"): void;
  /** Somebody uses the keyboard or the pointer; `pressed`: a button of it. */
  used(pressed: boolean): void;
  /** The keys that lead from the program to the bar were pressed. */
  reach(): void;
  drag(event: DragEvent): void;
}

export interface Display {
  readonly frame: HTMLIFrameElement;
  focus(): void;
  /** Puts text on the program's clipboard. */
  give(text: string): void;
  /** Types text, as a keyboard would. */
  type(text: string): void;
  /** Presses and releases a key ("Escape", "w") with modifiers ("control", "alt") held. */
  press(key: string, modifiers: readonly string[]): void;
  /** What is on the screen, from the lowest to the highest, with its place in the frame. */
  pictures(): readonly Picture[];
  /** Milliseconds there and back as the protocol measures them; null when it does not. */
  latency(): number | null;
  /** Takes a setting over while it runs; false when a new display is needed for it. */
  apply(name: keyof Settings): boolean;
  /** Asks the browser's clipboard for news, where the browser lets us. */
  sync(): void;
  close(): void;
}

export interface Picture {
  canvas: HTMLCanvasElement;
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * A frame that fills its place. `ready` is called with its window each time a document has been loaded into it; `broken`
 * instead when that is not ours, or not all of it has come: a laptop that changes its network breaks off what is under way.
 */
export function openFrame(address: string, label: string, ready: (view: Window) => void, broken: () => void): HTMLIFrameElement {
  const frame = document.createElement("iframe");
  frame.className = "frame";
  frame.title = label;
  frame.allow = "clipboard-read; clipboard-write; fullscreen; autoplay";
  frame.addEventListener("load", () => {
    const view = reachable(frame);
    if (view && isWhole(view)) ready(view);
    else broken();
  });
  frame.src = address;
  return frame;
}

/** The frame's window; null while it shows something that is not ours, such as the browser's own error page. */
export function reachable(frame: HTMLIFrameElement): Window | null {
  try {
    return frame.contentDocument ? frame.contentWindow : null;
  } catch {
    return null;
  }
}

function isWhole(view: Window): boolean {
  const got = view.performance.getEntriesByType("resource") as PerformanceResourceTiming[];
  return !got.some((one) => one.initiatorType === "script" && one.responseStatus === 0);
}

/** Watches a frame's document for what concerns the page. Keys reach the program all the same. */
export function watch(view: Window, listener: Listener): void {
  const doc = view.document;
  const used = (event: Event): void => listener.used(event.type === "pointerdown");
  for (const name of ["pointerdown", "wheel", "keydown"]) doc.addEventListener(name, used, { capture: true, passive: true });
  let moved = 0;
  doc.addEventListener("pointermove", (event) => {
    if (event.timeStamp - moved < 2000) return;
    moved = event.timeStamp;
    used(event);
  }, { capture: true, passive: true });
  watchChord(doc, listener);
  for (const name of ["dragenter", "dragover", "drop"]) {
    doc.addEventListener(name, (event) => {
      event.preventDefault();
      event.stopImmediatePropagation(); // the display would send the file its own way
      listener.drag(event as DragEvent);
    }, { capture: true });
  }
}

/** Ctrl, Alt and Shift pressed and let go, and no other key: only when all are up, lest the program keeps one held down. */
export function watchChord(doc: Document, listener: Pick<Listener, "reach">): void {
  let armed = false;
  doc.addEventListener("keydown", (event) => {
    const isModifier = ["Control", "Alt", "Shift", "AltGraph"].includes(event.key);
    armed = isModifier && (armed || (event.ctrlKey && event.altKey && event.shiftKey));
  }, { capture: true });
  doc.addEventListener("keyup", (event) => {
    if (!armed || event.ctrlKey || event.altKey || event.shiftKey) return;
    armed = false;
    listener.reach();
  }, { capture: true });
}

/** Below this width (points) a program's windows have no room: things get smaller instead. */
const LEAST = 900;

/** Makes things in the frame larger or smaller: its document gets a size of its own, and is drawn into the place. */
export function scale(frame: HTMLIFrameElement, wanted: string): void {
  const factor = factorOf(wanted, frame.parentElement?.clientWidth ?? LEAST);
  frame.style.width = factor === 1 ? "" : `${100 / factor}%`;
  frame.style.height = factor === 1 ? "" : `${100 / factor}%`;
  frame.style.transform = factor === 1 ? "" : `scale(${factor})`;
}

function factorOf(wanted: string, width: number): number {
  if (wanted === "sharp") return 1 / Math.max(1, window.devicePixelRatio);
  const percent = Number(wanted);
  return percent > 0 ? percent / 100 : Math.min(1, width / LEAST);
}
