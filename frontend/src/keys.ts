// The keyboard: / search, n new, j and k move, Enter join, ? help.

import { dialog } from "./dialogs";

function items(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(".row, .card")].filter((item) => item.offsetParent !== null);
}

function move(step: number): void {
  const all = items();
  const at = all.indexOf(document.activeElement?.closest<HTMLElement>(".row, .card") as HTMLElement);
  const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
  next?.focus();
}

function enter(): boolean {
  const item = document.activeElement as HTMLElement | null;
  if (!item?.matches(".row, .card")) return false;
  const link = item.querySelector<HTMLElement>("[data-join]") ?? item.querySelector<HTMLElement>("[data-open]");
  link?.click();
  return link !== null;
}

function press(key: string): boolean {
  switch (key) {
    case "/":
      document.querySelector<HTMLInputElement>("[data-search]")?.focus();
      return true;
    case "n":
      document.querySelector<HTMLElement>("[data-key=n]")?.click();
      return true;
    case "j":
    case "k":
      move(key === "j" ? 1 : -1);
      return true;
    case "Enter":
      return enter();
    case "?":
      dialog("help")?.showModal();
      return true;
    default:
      return false;
  }
}

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
    if (press(event.key)) event.preventDefault();
  });
}
