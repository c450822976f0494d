// The dialog for text: into the program and out of it, for browsers and programs where the clipboards do not meet.

import { canAsk, isTooLong } from "./clipboard-sync";
import type { Connection } from "./connection";
import { byId, note, words } from "./dom";

// each sign is a key that is pressed and let go
const MOST_TYPED = 20_000;

let last = "";

/** The program has copied something. */
export function remember(text: string): void {
  last = text;
  const place = byId<HTMLTextAreaElement>("clip-out");
  place.value = text;
}

/** A text was too long for the clipboards to meet. */
export function refuse(from: "here" | "program"): void {
  if (from === "program") remember("");
  note(words(from === "program" ? "too_long_there" : "too_long"));
}

function say(name: string): void {
  byId("clip-note").textContent = words(name);
}

function given(connection: Connection, typing = false): string | null {
  const text = byId<HTMLTextAreaElement>("clip-in").value;
  if (isTooLong(text)) {
    say("too_long");
    return null;
  }
  if (typing && text.length > MOST_TYPED) {
    say("too_long_typed");
    return null;
  }
  return connection.up && text ? text : null;
}

async function take(): Promise<void> {
  const place = byId<HTMLTextAreaElement>("clip-out");
  if (!last) {
    say("clipboard_empty");
    return;
  }
  try {
    await navigator.clipboard.writeText(last);
    say("copied_out");
  } catch {
    place.select();
    say("copy_by_hand");
  }
}

async function allow(connection: Connection): Promise<void> {
  try {
    const text = await navigator.clipboard.readText(); // asks the person
    byId<HTMLTextAreaElement>("clip-in").value = text;
    connection.display?.sync();
  } catch {
    byId("clip-in").focus();
  }
  byId("clip-allow").hidden = !(await canAsk());
}

export function startClipboard(connection: Connection, back: () => void): void {
  const dialog = byId<HTMLDialogElement>("clipboard");
  byId("tool-clipboard").addEventListener("click", async () => {
    byId("clip-note").textContent = "";
    dialog.showModal();
    byId("clip-in").focus();
    byId("clip-allow").hidden = !(await canAsk());
  });
  dialog.querySelector("[data-close]")?.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", back);
  byId("clip-give").addEventListener("click", () => {
    const text = given(connection);
    if (text === null) return;
    connection.display?.give(text);
    say("copied_in");
  });
  byId("clip-type").addEventListener("click", () => {
    const text = given(connection, true);
    if (text === null) return;
    dialog.close();
    connection.display?.type(text);
  });
  byId("clip-take").addEventListener("click", () => void take());
  byId("clip-ask").addEventListener("click", () => void allow(connection));
}
