// What we know of the script of Xpra's own HTML5 page. All of it may be missing in another version: then the page works
// as that version makes it, without our additions.

export type Packet = readonly unknown[];

export interface XpraWindow {
  canvas?: HTMLCanvasElement;
  tray?: boolean;
  div?: ArrayLike<HTMLElement>;
  wid?: number;
  x?: number;
  y?: number;
  w?: number;
  h?: number;
  leftoffset?: number;
  rightoffset?: number;
  topoffset?: number;
  bottomoffset?: number;
  resizable?: boolean;
  fullscreen?: boolean;
  maximized?: boolean;
  override_redirect?: boolean;
  metadata?: { "size-constraints"?: { "minimum-size"?: [number, number]; "maximum-size"?: [number, number] } };
  /** Draws it anew with x, y, w, h, and tells the server. */
  handle_resized?: () => void;
}

export interface XpraClient {
  connected?: boolean;
  container?: HTMLElement;
  PING_FREQUENCY?: number;
  uuid?: string;
  topwindow?: number | null;
  swap_keys?: boolean;
  keyboard_layout?: string | null;
  key_layout?: string | null;
  alt_modifier?: string | null;
  control_modifier?: string | null;
  server_ping_latency?: number;
  last_ping_echoed_time?: number;
  clipboard_buffer?: string;
  desktop_width?: number;
  desktop_height?: number;
  id_to_window?: Record<string, XpraWindow>;
  packet_handlers?: Record<string, (packet: Packet, client: XpraClient) => void>;
  callback_close?: (reason?: string) => void;
  close_windows?: () => void;
  on_connect?: () => void;
  on_connection_progress?: () => void;
  on_first_ui_event?: () => void;
  send?: (packet: Packet) => void;
  close_protocol?: () => void;
  clear_timers?: () => void;
  send_clipboard_token?: (data: string) => void;
  send_clipboard_string?: (request: unknown, selection: unknown, data: string, type?: string) => void;
  _poll_clipboard?: (event: unknown) => void;
  _send_ping?: () => void;
  _get_screen_sizes?: () => readonly (readonly unknown[])[];
  _new_window?: (id: unknown, ...rest: unknown[]) => void;
  request_refresh?: (id: unknown) => void;
  _make_hello?: () => void;
  _send_hello?: (...words: unknown[]) => void;
  _screen_resized?: (event: unknown, client: XpraClient) => void;
  _update_capabilities?: (more: Record<string, unknown>) => void;
  _get_keyboard_layout?: () => string;
}

export type XpraView = Window & {
  XpraWindow?: { prototype?: Shown };
  client?: XpraClient | null;
  CHAR_TO_NAME?: Record<string, string>;
  navigator: Navigator;
};

/** Text as the protocol carries it: one character for each byte of UTF-8. */
export function toWire(text: string): string {
  let wire = "";
  const data = new TextEncoder().encode(text);
  for (let start = 0; start < data.length; start += 8192) wire += String.fromCharCode(...data.subarray(start, start + 8192));
  return wire;
}

/** What came over the wire as text; null when it is no text. */
export function fromWire(data: unknown): string | null {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    if (typeof data === "string") return decoder.decode(Uint8Array.from(data, (sign) => sign.charCodeAt(0)));
    if (ArrayBuffer.isView(data) || Array.isArray(data)) return decoder.decode(new Uint8Array(data as ArrayLike<number>));
  } catch {
    return typeof data === "string" ? data : null;
  }
  return null;
}

const SIGNS: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Xpra's own way takes a window's title for HTML, and that may be a web page's. To be called before windows come. */
export function keepTitlesPlain(kind: { prototype?: Shown }): void {
  const shown = kind.prototype;
  const original = shown?.set_metadata_safe;
  if (!shown || !original) return;
  shown.set_metadata_safe = function plainly(metadata): void {
    const { title } = metadata;
    if (title === undefined || title === null) original.call(this, metadata);
    else original.call(this, { ...metadata, title: String(title).replace(/[&<>]/g, (sign) => SIGNS[sign] ?? "") });
  };
}

interface Shown {
  set_metadata_safe?: (metadata: Record<string, unknown>) => void;
}
