// The page's elements and sentences. The words come with the page, so that the portal's language is the script's.

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

const sentences = JSON.parse(byId("said").textContent ?? "{}") as Record<string, string>;

/** The sentence of this name, with %(…)s filled in. */
export function words(name: string, params: Record<string, string | number> = {}): string {
  const text = sentences[name] ?? name;
  return text.replace(/%\((\w+)\)s/g, (_, key: string) => String(params[key] ?? "")).replaceAll("%%", "%");
}

/** Says it to a screen reader, and to nobody else. */
export function speak(text: string): void {
  byId("spoken").textContent = text;
}

let fading: number | undefined;

/** Shows a sentence for a moment; a screen reader hears it too. */
export function note(text: string): void {
  const place = byId("note");
  place.textContent = text;
  place.hidden = false;
  window.clearTimeout(fading);
  fading = window.setTimeout(() => (place.hidden = true), 4000);
}

export const isMac = /^Mac|iPhone|iPad/.test(navigator.platform);
export const title = document.body.dataset.title ?? "";

/** A number of bytes in words that are the same in all languages. */
export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toLocaleString(undefined, { maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0 })} ${units[unit]}`;
}
