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

async function ask(form: HTMLFormElement): Promise<void> {
  const answer = await Notification.requestPermission();
  if (answer === "granted") form.submit();
  else say(form.dataset.denied ?? "");
}

export function startNotifications(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (!("notify" in form.dataset) || !("Notification" in window)) return;
    const wanted = form.querySelector("[name=occasion]:checked") !== null;
    if (!wanted || Notification.permission === "granted") return;
    event.preventDefault();
    void ask(form);
  });
}
