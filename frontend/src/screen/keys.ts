// Keys that browsers keep, and the keyboard on the screen of a phone or tablet.

import { closeDrawers } from "./bar";
import type { Connection } from "./connection";
import { byId } from "./dom";

const MODIFIERS = ["control", "alt"];
const held = new Set<string>();

function release(): void {
  held.clear();
  for (const button of document.querySelectorAll("#keystrip [aria-pressed]")) button.setAttribute("aria-pressed", "false");
}

function press(connection: Connection, key: string): void {
  connection.display?.press(key, [...held]);
  release();
}

function show(shown: boolean): void {
  byId("keystrip").hidden = !shown;
  document.body.classList.toggle("typing-on", shown);
  if (shown) byId("typing").focus();
  else release();
}

/** What a keyboard on the screen does to a text field is the only word we get of it. */
function listen(connection: Connection): void {
  const field = byId<HTMLTextAreaElement>("typing");
  const START = "\u00a0".repeat(8); // something to delete, or its delete key is silent
  let before = START;
  const reset = (): void => {
    field.value = before = START;
    field.setSelectionRange(START.length, START.length);
  };
  field.addEventListener("focus", reset);
  field.addEventListener("input", (event) => {
    const now = field.value;
    let same = 0;
    while (same < now.length && same < before.length && now[same] === before[same]) same += 1;
    for (let left = before.length; left > same; left -= 1) press(connection, "BackSpace");
    const fresh = now.slice(same);
    if (held.size > 0 && fresh) press(connection, fresh[0] as string);
    else if (fresh) connection.display?.type(fresh);
    before = now;
    if (!(event as InputEvent).isComposing && (now.length > 200 || now.length < 4)) reset();
  });
  field.addEventListener("keydown", (event) => {
    const named: Record<string, string> = { Escape: "Escape", Tab: "Tab", ArrowLeft: "Left", ArrowRight: "Right", ArrowUp: "Up", ArrowDown: "Down" };
    const key = named[event.key];
    if (!key) return;
    event.preventDefault();
    press(connection, key);
  });
}

export function startKeys(connection: Connection): void {
  byId("keys-screen").addEventListener("click", () => {
    closeDrawers();
    show(true);
  });
  for (const button of document.querySelectorAll<HTMLElement>("[data-send]")) {
    button.addEventListener("click", () => {
      const keys = (button.dataset.send ?? "").split("+");
      connection.display?.press(keys.at(-1) ?? "", keys.slice(0, -1));
    });
  }
  for (const button of document.querySelectorAll<HTMLElement>("#keystrip button")) {
    // the field keeps the focus, or the keyboard on the screen goes away
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", () => {
      const key = button.dataset.key ?? "";
      if (!key) show(false);
      else if (!MODIFIERS.includes(key)) press(connection, key);
      else if (held.delete(key)) button.setAttribute("aria-pressed", "false");
      else {
        held.add(key);
        button.setAttribute("aria-pressed", "true");
      }
      if (key) byId("typing").focus();
    });
  }
  listen(connection);
}
