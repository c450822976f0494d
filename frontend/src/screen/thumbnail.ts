// A small picture of the screen for the list of sessions: now and then while it changes, and when the tab is left.

import type { Connection } from "./connection";
import { settings } from "./settings";

const PAUSE = 60_000;
const FIRST = 4000;
const WIDTH = 480;
const HEIGHT = 360;
const LIMIT = 60_000;

let sent = 0;

/** The screen as a picture of at most 480 by 360 points; null while there is nothing to see. */
export function draw(connection: Connection): HTMLCanvasElement | null {
  const { display } = connection;
  const { clientWidth: width = 0, clientHeight: height = 0 } = display?.frame.contentDocument?.documentElement ?? {};
  const pictures = display?.pictures() ?? [];
  if (pictures.length === 0 || width === 0 || height === 0) return null;
  const factor = Math.min(WIDTH / width, HEIGHT / height, 1);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * factor));
  canvas.height = Math.max(1, Math.round(height * factor));
  const pen = canvas.getContext("2d", { alpha: false });
  if (!pen) return null;
  pen.fillStyle = "#2b3036";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  for (const one of pictures) {
    if (one.canvas.width > 0) pen.drawImage(one.canvas, one.x * factor, one.y * factor, one.width * factor, one.height * factor);
  }
  return canvas;
}

/** A number that differs when the picture does. */
function sum(canvas: HTMLCanvasElement): number {
  const data = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
  let total = 1;
  for (let at = 0; at < data.length; at += 16) total = (Math.imul(total, 31) + (data[at] ?? 0)) | 0;
  return total || 1;
}

function encode(canvas: HTMLCanvasElement, type: string): Promise<Blob | null> {
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.7));
}

async function send(connection: Connection): Promise<void> {
  if (!settings.thumbnail || !connection.up) return;
  const canvas = draw(connection);
  if (!canvas) return;
  const now = sum(canvas);
  if (now === sent) return;
  let picture = await encode(canvas, "image/webp");
  if (picture?.type !== "image/webp") picture = await encode(canvas, "image/jpeg");
  if (!picture || picture.size > LIMIT) return;
  try {
    const answer = await fetch("/.armchair/screen/thumbnail", {
      method: "PUT",
      body: picture,
      headers: { "Content-Type": picture.type },
      keepalive: true, // also while the tab is being closed
    });
    if (answer.ok) sent = now;
  } catch {
    // the portal is away: another time
  }
}

export function startThumbnails(connection: Connection): { seen(): void } {
  window.setInterval(() => !document.hidden && void send(connection), PAUSE);
  document.addEventListener("visibilitychange", () => document.hidden && void send(connection));
  return { seen: () => void window.setTimeout(() => void send(connection), FIRST) };
}
