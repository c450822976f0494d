// How the session stands, in the portal's words: time left, warnings, its end. The portal may be away; the program runs on.

import { byId } from "./dom";

export interface Standing {
  phase: string;
  tone: string;
  title: string;
  detail: string;
  until: string | null;
  left: string;
}

export type Answer = { kind: "standing"; standing: Standing } | { kind: "login" } | { kind: "silent" };

export const isOver = (one: Standing): boolean => one.phase === "ended" || one.phase === "ending";

export async function ask(): Promise<Answer> {
  try {
    const answer = await fetch("/.armchair/screen/live", { signal: AbortSignal.timeout(8000) });
    if (answer.status === 401) return { kind: "login" };
    if (!answer.ok) return { kind: "silent" };
    return { kind: "standing", standing: (await answer.json()) as Standing };
  } catch {
    return { kind: "silent" };
  }
}

/** Shows time and warnings, and asks again when the portal tells of a change. */
export function startStanding(changed: (answer: Answer) => void): void {
  let asking: number | undefined;
  const again = async (): Promise<void> => {
    const answer = await ask();
    if (answer.kind === "standing") show(answer.standing);
    changed(answer);
  };
  const soon = (): void => {
    window.clearTimeout(asking);
    asking = window.setTimeout(() => void again(), 200);
  };
  listen(soon);
  window.setInterval(() => !document.hidden && soon(), 60_000);
  document.addEventListener("visibilitychange", () => !document.hidden && soon());
}

function listen(soon: () => void): void {
  const source = new EventSource("/.armchair/waiting/events");
  for (const name of ["session", "resync", "over"]) source.addEventListener(name, soon);
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) window.setTimeout(() => listen(soon), 15_000);
  });
}

function show(standing: Standing): void {
  const time = byId("time");
  time.textContent = standing.left || (time.dataset.otherwise ?? "");
  // there is nothing to exchange with a program that is gone
  byId("bar").classList.toggle("over", standing.phase === "ended");
  const warns = standing.phase === "ready" && standing.tone === "warn";
  byId("warning").hidden = !warns;
  if (warns) byId("warning-text").textContent = `${standing.title} ${standing.detail}`.trim();
}
