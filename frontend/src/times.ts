// Keeps times fresh and in the reader's zone.

const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto", style: "short" });

function ago(moment: Date): string {
  const seconds = (moment.getTime() - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 60) return relative.format(Math.round(seconds), "second");
  if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 86400) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86400), "day");
}

/** To the second, because a timeline is read for its gaps; with the day when it is another one. */
function clock(moment: Date): string {
  const time = moment.toLocaleTimeString();
  return moment.toDateString() === new Date().toDateString() ? time : `${moment.toLocaleDateString(undefined, { day: "numeric", month: "short" })}, ${time}`;
}

function length(seconds: number): string {
  const minutes = Math.max(0, Math.floor(seconds / 60));
  if (minutes === 0) return `${Math.max(0, Math.floor(seconds))} s`;
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

export function freshen(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[datetime]")) {
    const moment = new Date(element.dateTime);
    const full = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    if (element.title !== full) element.title = full;
    const text = element.closest(".timeline") ? clock(moment) : ago(moment);
    if (element.textContent !== text) element.textContent = text;
  }
  for (const element of root.querySelectorAll<HTMLElement>("[data-until]")) {
    const seconds = (new Date(element.dataset.until ?? "").getTime() - Date.now()) / 1000;
    // the sentence around the time is the portal's; only the numbers in front move
    const words = element.dataset.words ?? (element.textContent ?? "").replace(/^[\d\s]+\w+( \d+ \w+)?/, "");
    element.dataset.words = words;
    element.textContent = length(seconds) + words;
    const bar = element.parentElement?.querySelector("progress");
    if (bar) bar.value = Math.max(0, seconds);
  }
}

export function startTimes(): void {
  freshen(document);
  setInterval(() => freshen(document), 15_000);
}
