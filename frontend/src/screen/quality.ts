// How good the connection is, in a word and in milliseconds.
//
// Xpra measures it by itself. Elsewhere we ask, but only while somebody works: an open page that nobody touches must not look
// like use, or idle sessions would never end.

import type { Connection } from "./connection";
import { byId, words } from "./dom";

const PAUSE = 10_000;
const GOOD = 80;
const SLOW = 250;
const USED = 60_000;

async function ping(): Promise<number | null> {
  const began = performance.now();
  try {
    const answer = await fetch("/-/ping", { signal: AbortSignal.timeout(8000) });
    return answer.ok ? performance.now() - began : null;
  } catch {
    return null;
  }
}

function show(latency: number): void {
  const number = Math.max(1, Math.round(latency));
  const name = latency < GOOD ? "good" : latency < SLOW ? "slow" : "poor";
  const place = byId("quality");
  place.className = `quality ${name}`;
  place.title = words("quality_label", { word: words(name), number });
  byId("quality-text").textContent = `${words(name)} · ${words("milliseconds", { number })}`;
  place.hidden = false;
}

export function startQuality(connection: Connection): { used(): void; look(): void } {
  let used = 0;
  let asking = false;
  const look = async (): Promise<void> => {
    if (document.hidden || !connection.up || asking) {
      if (!connection.up) byId("quality").hidden = true;
      return;
    }
    const known = connection.display?.latency();
    if (known !== null && known !== undefined) {
      show(known);
      return;
    }
    if (connection.state.display === "xpra" || performance.now() - used > USED) return;
    asking = true;
    const measured = await ping();
    asking = false;
    if (measured !== null) show(measured);
    else await connection.check();
  };
  window.setInterval(() => void look(), PAUSE);
  return { used: () => (used = performance.now()), look: () => void window.setTimeout(() => void look(), 1500) };
}
