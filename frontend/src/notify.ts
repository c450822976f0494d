// Notifications of the browser: asked for only on a click, shown only by the tab that holds the event stream.

import { say } from "./live";

export type Told = { title: string; body: string; tag: string; url: string };

/** Shows what somebody wanted to be told. A later one of the same tag takes its place. */
export function show(told: Told): void {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const shown = new Notification(told.title, { body: told.body, tag: told.tag });
  shown.addEventListener("click", () => {
    window.focus();
    location.assign(told.url);
  });
}

/** Says beside the form that nothing was saved, and why; a screen reader hears it too. */
function refuse(form: HTMLFormElement): void {
  const text = form.dataset.denied ?? "";
  const note = form.querySelector<HTMLElement>("[data-note]");
  if (note) {
    note.textContent = text;
    note.hidden = false;
  }
  say(text);
}

async function ask(form: HTMLFormElement): Promise<void> {
  const wanted = new FormData(form).getAll("occasion");
  const answer = await Notification.requestPermission();
  // the question may have been open for long: the form has then been replaced with its part of the page, and is not sent
  const place = form.isConnected ? form : document.querySelector<HTMLFormElement>("form[data-notify]");
  if (!place) return;
  if (answer !== "granted") {
    refuse(place);
    return;
  }
  for (const box of place.querySelectorAll<HTMLInputElement>("[name=occasion]")) box.checked = wanted.includes(box.value);
  place.submit();
}

export function startNotifications(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (!("notify" in form.dataset)) return;
    const wanted = form.querySelector("[name=occasion]:checked") !== null;
    const able = "Notification" in window;
    if (!wanted || (able && Notification.permission === "granted")) return;
    event.preventDefault();
    if (able) void ask(form);
    else refuse(form);
  });
}
