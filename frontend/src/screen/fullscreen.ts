// The whole screen for the program, with all keys where the browser lets us have them (Keyboard Lock).

import { byId, note, words } from "./dom";

interface Keyboard {
  lock?: (keys?: string[]) => Promise<void>;
  unlock?: () => void;
}

const keyboard = (navigator as Navigator & { keyboard?: Keyboard }).keyboard;

/** An application window of its own: the browser keeps no key there. */
export const isAppWindow = (): boolean => matchMedia("(display-mode: standalone)").matches;

const canLock = (): boolean => typeof keyboard?.lock === "function";

async function toggle(back: () => void): Promise<void> {
  if (document.fullscreenElement) {
    await document.exitFullscreen();
    return;
  }
  try {
    await document.documentElement.requestFullscreen({ navigationUI: "hide" });
  } catch {
    note(words("no_full"));
    return;
  }
  try {
    await keyboard?.lock?.();
    note(words(canLock() ? "keys_all" : "keys_some"));
  } catch {
    note(words("keys_some"));
  }
  back();
}

/** `back` gives the keyboard to the program. */
export function startFullscreen(back: () => void): void {
  const button = byId("tool-full");
  button.hidden = !document.documentElement.requestFullscreen;
  button.addEventListener("click", () => void toggle(back));
  document.addEventListener("fullscreenchange", () => {
    const full = document.fullscreenElement !== null;
    if (!full) keyboard?.unlock?.();
    const label = button.querySelector("span");
    if (label) label.textContent = words(full ? "full_leave" : "full");
  });
  byId("keys-about").textContent = words(isAppWindow() ? "keys_window" : canLock() ? "keys_all" : "keys_some");
}
