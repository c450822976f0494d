// Windows stay within the browser's window: where it is smaller than the one that they were made for, they move, and shrink
// as far as they can. Xpra's own page leaves ten points of them in sight.

import type { XpraClient, XpraWindow } from "./xpraclient";

interface Size {
  w: number;
  h: number;
}

/** The height of a window's head in Xpra's page. Programs that make themselves as large as the screen leave it room. */
const HEAD = 31;
// terminals and the like round to whole letters
const ROUNDING = 40;
const REDRAW = 200;
/** A program that gives itself a size is corrected so often, and then left alone: it may insist. */
const MOST_CORRECTIONS = 3;
const corrections = new WeakMap<XpraWindow, number>();
/** What a window was before it shrank, and what it was made then: it gets its size back when there is room again. */
const shrunk = new WeakMap<XpraWindow, { before: Size; made: Size }>();

/** Keeps the client's windows within the browser's window from now on, also those that are still to come. */
export function keepInside(client: XpraClient): void {
  const resized = client._screen_resized;
  if (resized) {
    client._screen_resized = (event, ctx) => {
      resized.call(client, event, ctx);
      for (const one of Object.values(client.id_to_window ?? {})) {
        corrections.delete(one);
        fit(client, one, true);
      }
    };
  }
  for (const name of ["window-move-resize", "window-resized"]) correct(client, name);
  const screens = client._get_screen_sizes;
  if (screens) client._get_screen_sizes = () => screens.call(client).map(withoutHead);
  const opened = client._new_window;
  if (opened) {
    client._new_window = (id, ...rest) => {
      opened.call(client, id, ...rest);
      const made = client.id_to_window?.[String(id)];
      if (made) fit(client, made, false);
    };
  }
}

/** A screen as Xpra describes it, of which [6…9] is the place for windows: x, y, width, height. */
function withoutHead(screen: readonly unknown[]): readonly unknown[] {
  const [y, height] = [screen[7], screen[9]];
  if (typeof y !== "number" || typeof height !== "number" || height <= 2 * HEAD) return screen;
  return [...screen.slice(0, 7), y + HEAD, screen[8], height - HEAD, ...screen.slice(10)];
}

/** After the program, or somebody at another browser, has moved or sized a window. */
function correct(client: XpraClient, name: string): void {
  const handlers = client.packet_handlers;
  const real = handlers?.[name];
  if (!handlers || !real) return;
  handlers[name] = (packet, ctx) => {
    const one = client.id_to_window?.[String(packet[1])];
    const before = one ? `${one.w}x${one.h}` : "";
    real(packet, ctx);
    if (one && `${one.w}x${one.h}` !== before) redraw(client, one);
    const made = one ? (corrections.get(one) ?? 0) : MOST_CORRECTIONS;
    if (one && made < MOST_CORRECTIONS && fit(client, one, false)) corrections.set(one, made + 1);
  };
}

/** Moves and shrinks a window so that it is in sight; `grows`: it also gets back a size that it had. Whether it changed. */
function fit(client: XpraClient, one: XpraWindow, grows: boolean): boolean {
  const { x, y, w, h } = one;
  if (x === undefined || y === undefined || w === undefined || h === undefined || !one.handle_resized) return false;
  if (one.tray || one.override_redirect || one.fullscreen || one.maximized) return false;
  const { leftoffset: left = 0, rightoffset: right = 0, topoffset: top = 0, bottomoffset: bottom = 0 } = one;
  const room = { w: (client.desktop_width ?? 0) - left - right, h: (client.desktop_height ?? 0) - top - bottom };
  if (room.w <= 0 || room.h <= 0) return false;
  const now = { w, h };
  const size = sizeFor(one, now, grows ? wantedBy(one, now) : now, room);
  one.w = size.w;
  one.h = size.h;
  one.x = Math.max(left, Math.min(x, left + room.w - size.w));
  one.y = Math.max(top, Math.min(y, top + room.h - size.h));
  const isNew = size.w !== w || size.h !== h;
  if (!isNew && one.x === x && one.y === y) return false;
  one.handle_resized();
  if (isNew) redraw(client, one);
  return true;
}

/** A window of another size is blank until it is drawn, and the server believes that it has sent all. */
function redraw(client: XpraClient, one: XpraWindow): void {
  window.setTimeout(() => client.request_refresh?.(one.wid), REDRAW);
}

function sizeFor(one: XpraWindow, now: Size, wanted: Size, room: Size): Size {
  const limits = one.metadata?.["size-constraints"] ?? {};
  const least = limits["minimum-size"] ?? [0, 0];
  const most = limits["maximum-size"];
  if (!one.resizable || (most && most[0] <= least[0] && most[1] <= least[1])) return now;
  const size = { w: Math.max(least[0], Math.min(wanted.w, room.w)), h: Math.max(least[1], Math.min(wanted.h, room.h)) };
  const had = shrunk.get(one);
  // the program has rounded it since, and there is no more room than then
  if (wanted !== now && had?.made.w === size.w && had.made.h === size.h) return now;
  if (size.w < wanted.w || size.h < wanted.h) shrunk.set(one, { before: wanted, made: size });
  else if (size.w > now.w || size.h > now.h) shrunk.delete(one);
  return size;
}

/** The size from before it shrank, unless somebody has given it another one since. */
function wantedBy(one: XpraWindow, now: Size): Size {
  const had = shrunk.get(one);
  if (!had) return now;
  const isAsMade = now.w <= had.made.w && now.w > had.made.w - ROUNDING && now.h <= had.made.h && now.h > had.made.h - ROUNDING;
  return isAsMade ? had.before : now;
}
