// What a person has chosen, kept by the browser for this session's address.

import { isMac } from "./dom";

export interface Settings {
  quality: "auto" | "best" | "light";
  scale: string;
  sound: boolean;
  hide: boolean;
  ask: boolean;
  thumbnail: boolean;
  layout: string;
  swap: boolean;
}

const KEY = "armchair-screen";
const FIRST: Settings = { quality: "auto", scale: "fit", sound: false, hide: false, ask: true, thumbnail: true, layout: "", swap: isMac };

function kept(): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>;
  } catch {
    return {}; // storage is switched off, or holds something else
  }
}

export const settings: Settings = { ...FIRST, ...kept() };

type Change = (name: keyof Settings) => void;
const listeners: Change[] = [];

export function onChange(listener: Change): void {
  listeners.push(listener);
}

function set(name: keyof Settings, value: string | boolean): void {
  (settings as unknown as Record<string, string | boolean>)[name] = value;
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // it holds until the tab is closed
  }
  for (const listener of listeners) listener(name);
}

/** Ties each control of the page to its setting. */
export function startSettings(): void {
  for (const control of document.querySelectorAll<HTMLInputElement | HTMLSelectElement>("[data-setting]")) {
    const name = control.dataset.setting as keyof Settings;
    const isTick = control instanceof HTMLInputElement;
    if (isTick) control.checked = Boolean(settings[name]);
    else {
      control.value = String(settings[name]);
      if (control.selectedIndex < 0) control.selectedIndex = 0;
    }
    control.addEventListener("change", () => set(name, isTick ? control.checked : control.value));
  }
  hide("swap", !isMac);
}

/** Takes a setting off the page where it would do nothing. */
export function hide(name: keyof Settings, hidden: boolean): void {
  const control = document.querySelector(`[data-setting="${name}"]`);
  const place = control?.closest<HTMLElement>(".setting");
  if (place) place.hidden = hidden;
}
