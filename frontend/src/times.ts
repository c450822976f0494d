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

/** As the portal writes it: at most two units, and none that is zero. */
function length(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
  ];
  const first = parts.findIndex(([number]) => number > 0);
  const shown = parts.slice(first, first + 2).filter(([number]) => number > 0);
  return shown.map(([number, unit]) => `${number} ${unit}`).join(" ");
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
