// Xpra's own HTML5 page in a frame, its menu put away, and tied to ours.

import { Sync } from "./clipboard-sync";
import { type Display, type Listener, type Picture, openFrame, reachable, watch } from "./display";
import { keepInside } from "./fit";
import { type Settings, settings } from "./settings";
import { type Packet, type XpraClient, type XpraView, fromWire, keepTitlesPlain, toWire } from "./xpraclient";

// nothing fails for being slow: a lost connection tells by itself, long before
const PATIENCE = 60_000;
const LOOK = 5;
// its pings tell us how good the connection is; an open page that nobody touches should say little
const PING_PAUSE = 10_000;
const DRESS = `
  #float_menu, #progress, #about, #sessioninfo, #bugreport { display: none !important; }
  .notifications { pointer-events: none; }
  .notifications > * { pointer-events: auto; }
  html, body { background: #2b3036 !important; }
  .window.border { border-color: #555b63; border-radius: 8px; box-shadow: 0 8px 24px rgb(0 0 0 / 35%); }
  div.windowhead { background: #e4e4e1; font: 14px/20px system-ui, sans-serif; }
  div.windowinfocus div.windowhead { background: #c9d3de; }
`;
// by this the server knows a tab that comes back, and lets go of its lost connection
const TAB = crypto.randomUUID?.() ?? String(Math.random());
const QUALITY = { auto: -1, best: 100, light: 30 };

function address(sound: boolean): string {
  const asked = new URLSearchParams({
    sharing: "true",
    reconnect: "false",
    floating_menu: "false",
    clock: "false",
    printing: "false",
    file_transfer: "false",
    remote_logging: "false",
    sound: String(sound),
    swap_keys: String(settings.swap),
  });
  if (settings.layout) asked.set("keyboard_layout", settings.layout);
  return `/index.html?${asked}`;
}

export class Xpra implements Display {
  readonly frame: HTMLIFrameElement;
  private view: XpraView | null = null;
  private titled: XpraView | null = null;
  private client: XpraClient | null = null;
  private sync_: Sync | null = null;
  private closed = false;
  private seen = false;
  private readonly timers: number[] = [];

  constructor(
    place: HTMLElement,
    label: string,
    private readonly listener: Listener,
    sound: boolean,
  ) {
    this.frame = openFrame(address(sound && settings.sound), label, (view) => watch(view, listener), () => this.fail("page"));
    place.append(this.frame);
    const began = performance.now();
    const looking = window.setInterval(() => {
      if (this.find()) window.clearInterval(looking);
      else if (performance.now() - began > PATIENCE) this.fail("page");
    }, LOOK);
    this.timers.push(looking);
  }

  /** Its script makes the client as soon as its document is there. */
  private find(): boolean {
    const view = reachable(this.frame) as XpraView | null;
    if (view?.XpraWindow && view !== this.titled) {
      this.titled = view;
      keepTitlesPlain(view.XpraWindow);
    }
    if (!view?.client) return false;
    this.view = view;
    this.client = view.client;
    this.tie(view, view.client);
    return true;
  }

  private tie(view: XpraView, client: XpraClient): void {
    const style = view.document.createElement("style");
    style.textContent = DRESS;
    view.document.head.append(style);
    client.PING_FREQUENCY = PING_PAUSE;
    client.uuid = TAB;
    client.on_connection_progress = () => undefined;
    // without it the frame goes to a page of Xpra's own, and the windows vanish before ours has said why
    client.callback_close = (reason) => this.fail(String(reason ?? "closed"));
    client.close_windows = () => undefined;
    client.on_first_ui_event = () => this.show();
    const connect = client.on_connect;
    client.on_connect = () => {
      connect?.call(client);
      this.connected();
    };
    keepInside(client);
    this.tieSize(client);
    this.tieHello(client);
    this.tieClipboard(view, client);
    if (client.connected) {
      this.connected();
      if (Object.keys(client.id_to_window ?? {}).length > 0) this.show();
    }
    this.timers.push(window.setTimeout(() => !this.closed && !client.connected && this.fail("late"), PATIENCE));
  }

  /** Xpra stands still for half a second at a size that its X server has not had: so the X server hears of it first. */
  private tieSize(client: XpraClient): void {
    const tell = async (): Promise<void> => {
      const { clientWidth: width = 0, clientHeight: height = 0 } = client.container ?? {};
      await fetch(`/-/size/${width}x${height}`, { method: "PUT", signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    };
    // while the connection is being opened
    const told = tell();
    const { _send_hello: greet, _screen_resized: resize } = client;
    if (greet) client._send_hello = (...words) => void told.then(() => greet.apply(client, words));
    if (resize) client._screen_resized = (event, ctx) => void tell().then(() => resize.call(client, event, ctx));
  }

  /** Windows that open later get the quality that was asked for in the greeting. */
  private tieHello(client: XpraClient): void {
    const hello = client._make_hello;
    if (!hello) return;
    client._make_hello = () => {
      hello.call(client);
      if (settings.quality !== "auto") client._update_capabilities?.({ "encoding.quality": QUALITY[settings.quality] });
    };
  }

  /** Xpra's own way reads the clipboard at each key, and takes bytes of UTF-8 for letters. */
  private tieClipboard(view: XpraView, client: XpraClient): void {
    const sync = new Sync(view, {
      give: (text) => this.give(text),
      copied: (text) => this.listener.copied(text),
      tooLong: (from) => this.listener.tooLong(from),
    });
    this.sync_ = sync;
    client._poll_clipboard = () => undefined;
    const handlers = client.packet_handlers;
    const token = handlers?.["clipboard-token"];
    if (!handlers || !token) return;
    handlers["clipboard-token"] = (packet: Packet, ctx) => {
      const type = typeof packet[4] === "string" ? packet[4].toLowerCase() : "";
      const text = type.includes("string") || type.includes("text") ? fromWire(packet[7]) : null;
      if (packet[1] !== "CLIPBOARD") return;
      if (packet.length < 8 && isText(packet[2])) sync.lost(); // too much even for the display: it names kinds, and brings nothing
      if (text === null) return;
      ctx.clipboard_buffer = toWire(text);
      void sync.fromProgram(text);
    };
    handlers["clipboard-request"] = (packet: Packet, ctx) => {
      const held = packet[2] === "CLIPBOARD" ? (ctx.clipboard_buffer ?? "") : "";
      ctx.send_clipboard_string?.(packet[1], packet[2], held, "UTF8_STRING");
    };
  }

  private connected(): void {
    if (this.closed) return;
    this.listener.up();
    if (settings.quality !== "auto") this.apply("quality");
    this.timers.push(window.setTimeout(() => this.client?._send_ping?.(), 300)); // its own first one comes late
  }

  private show(): void {
    if (this.seen || this.closed) return;
    this.seen = true;
    this.listener.shown();
  }

  private fail(why: string): void {
    if (this.closed) return;
    this.halt();
    this.listener.down(why);
  }

  private halt(): void {
    this.closed = true;
    for (const timer of this.timers) window.clearTimeout(timer);
  }

  focus(): void {
    this.frame.focus();
    this.view?.focus();
  }

  give(text: string): void {
    const wire = toWire(text);
    if (this.client) this.client.clipboard_buffer = wire;
    this.client?.send_clipboard_token?.(wire);
  }

  type(text: string): void {
    for (const sign of text) {
      if (sign === "\n") this.press("Return", []);
      else if (sign === "\t") this.press("Tab", []);
      else this.press(sign, needsShift(sign) ? ["shift"] : []);
    }
  }

  press(key: string, modifiers: readonly string[]): void {
    const client = this.client;
    const window_ = client?.topwindow;
    if (!client?.send || !window_) return;
    const name = this.view?.CHAR_TO_NAME?.[key] ?? key;
    const held = modifiers.map((one) => {
      if (one === "alt") return client.alt_modifier ?? "mod1";
      return one === "control" ? (client.control_modifier ?? "control") : one;
    });
    const code = key.length === 1 ? key.codePointAt(0) : 0;
    for (const down of [true, false]) client.send(["key-action", window_, name, down, held, code, key, code, 0]);
  }

  pictures(): readonly Picture[] {
    const found = Object.values(this.client?.id_to_window ?? {}).filter((one) => one.canvas?.isConnected && !one.tray);
    const depth = (one: (typeof found)[number]): number => Number(one.div?.[0]?.style.zIndex ?? 0);
    return found
      .sort((a, b) => depth(a) - depth(b))
      .map((one) => {
        const canvas = one.canvas as HTMLCanvasElement;
        const { x, y, width, height } = canvas.getBoundingClientRect();
        return { canvas, x, y, width, height };
      })
      .filter((one) => one.width > 0 && one.height > 0);
  }

  latency(): number | null {
    const { last_ping_echoed_time: echoed = 0, server_ping_latency: latency } = this.client ?? {};
    return echoed > 0 && latency !== undefined ? latency : null;
  }

  apply(name: keyof Settings): boolean {
    const client = this.client;
    if (!client) return true;
    if (name === "quality") client.send?.(["quality", QUALITY[settings.quality]]);
    if (name === "swap") client.swap_keys = settings.swap;
    if (name === "layout") {
      client.keyboard_layout = settings.layout || null;
      const layout = client._get_keyboard_layout?.() ?? "us";
      client.key_layout = layout;
      client.send?.(["layout-changed", layout, ""]);
    }
    return name !== "sound";
  }

  sync(): void {
    void this.sync_?.read();
  }

  close(): void {
    this.halt();
    this.client?.clear_timers?.();
    this.client?.close_protocol?.();
    this.frame.remove();
  }
}

/** Whether one of these kinds of data, as a program offers its clipboard's, is text. */
function isText(kinds: unknown): boolean {
  return Array.isArray(kinds) && kinds.some((kind) => /^(UTF8_)?STRING$|^TEXT$|^text\/plain/.test(String(kind)));
}

/** Whether a key of a usual keyboard needs Shift for this sign. */
function needsShift(sign: string): boolean {
  return (sign !== sign.toLowerCase() && sign === sign.toUpperCase()) || '~!@#$%^&*()_+{}|:"<>?'.includes(sign);
}
