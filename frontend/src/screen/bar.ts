// The bar, its drawers, and how it gets out of the way.

import { byId } from "./dom";
import { onChange, settings } from "./settings";

const DRAWERS = ["files", "keys", "settings"];
const LINGER = 1500;

let opener: HTMLElement | null = null;
let home: () => void = () => undefined;

export function openDrawer(id: string): void {
  for (const other of DRAWERS) if (other !== id) shut(other);
  opener = byId(`tool-${id}`);
  opener.setAttribute("aria-expanded", "true");
  const place = byId(id);
  place.hidden = false;
  place.querySelector<HTMLElement>("button:not([data-close]):not([hidden]), select, input:not([hidden])")?.focus();
  place.dispatchEvent(new Event("open"));
}

function shut(id: string): void {
  byId(id).hidden = true;
  byId(`tool-${id}`).setAttribute("aria-expanded", "false");
}

/** Closes what is open and gives the keyboard back to the program. */
export function closeDrawers(): void {
  for (const id of DRAWERS) shut(id);
  home();
}

export const isDrawerOpen = (): boolean => DRAWERS.some((id) => !byId(id).hidden);

/** `back` gives the keyboard to the program. */
export function startBar(back: () => void): void {
  home = back;
  for (const id of DRAWERS) {
    const button = byId(`tool-${id}`);
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-controls", id);
    button.addEventListener("click", () => (byId(id).hidden ? openDrawer(id) : closeDrawers()));
    byId(id).querySelector("[data-close]")?.addEventListener("click", closeDrawers);
    byId(id).addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      closeDrawers();
      opener?.blur();
      home();
    });
  }
  startTools();
  startHiding();
}

/** Arrow keys move along the bar, as in every tool bar. */
function startTools(): void {
  const tools = document.querySelector<HTMLElement>(".tools");
  tools?.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (event.key === "Escape") home();
    if (step === 0) return;
    const all = [...tools.querySelectorAll<HTMLElement>("button:not([hidden])")];
    const here = all.indexOf(document.activeElement as HTMLElement);
    all[(here + step + all.length) % all.length]?.focus();
    event.preventDefault();
  });
}

const isAway = (): boolean => settings.hide || document.fullscreenElement !== null;

/** In full screen, or where a person wishes it, the bar shows only on request. */
function startHiding(): void {
  const bar = byId("bar");
  const handle = byId("handle");
  let timer: number | undefined;
  const tuck = (): void => {
    window.clearTimeout(timer);
    const busy = bar.contains(document.activeElement) || bar.matches(":hover") || isDrawerOpen();
    if (!isAway() || !busy) arrange();
    else timer = window.setTimeout(tuck, LINGER);
  };
  const arrange = (): void => {
    document.body.classList.toggle("away", isAway());
    bar.classList.remove("shown");
    handle.hidden = !isAway();
  };
  const reveal = (): void => {
    bar.classList.add("shown");
    handle.hidden = true;
    window.clearTimeout(timer);
    timer = window.setTimeout(tuck, LINGER * 2);
  };
  handle.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && reveal());
  handle.addEventListener("click", reach);
  bar.addEventListener("pointerleave", () => isAway() && (timer = window.setTimeout(tuck, LINGER)));
  bar.addEventListener("focusout", () => isAway() && (timer = window.setTimeout(tuck, LINGER)));
  document.addEventListener("fullscreenchange", arrange);
  onChange((name) => name === "hide" && arrange());
  arrange();
  show = reveal;
}

let show: () => void = () => undefined;

/** Brings the bar up and puts the keyboard on it. */
export function reach(): void {
  show();
  byId("tool-clipboard").focus();
}
