// Questions and the help overlay, copying to the clipboard, and menus that close by themselves.

import { say } from "./live";

export function dialog(id: string): HTMLDialogElement | null {
  return document.querySelector<HTMLDialogElement>(`dialog#${id}`);
}

function ask(link: HTMLAnchorElement): boolean {
  const box = dialog("ask");
  const form = box?.querySelector("form");
  const title = box?.querySelector("h2");
  const back = form?.querySelector<HTMLInputElement>("[name=back]");
  if (!box || !form || !title || !back) return false;
  form.action = link.href;
  title.textContent = link.dataset.ask ?? "";
  back.value = link.dataset.back ?? "";
  box.showModal();
  return true;
}

async function copy(button: HTMLElement): Promise<void> {
  const text = document.querySelector(button.dataset.copy ?? "")?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text.trim());
  } catch {
    // the browser forbids it: mark the text, so that one key press copies it
    const place = document.querySelector(button.dataset.copy ?? "");
    if (place) window.getSelection()?.selectAllChildren(place);
    return;
  }
  button.dataset.copied = "";
  say(button.dataset.done ?? "");
  setTimeout(() => delete button.dataset.copied, 1500);
}

export function startDialogs(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const asking = target.closest<HTMLAnchorElement>("a[data-ask]");
    if (asking && !event.ctrlKey && !event.metaKey && ask(asking)) event.preventDefault();
    target.closest("[data-close]")?.closest("dialog")?.close();
    const copying = target.closest<HTMLElement>("[data-copy]");
    if (copying) void copy(copying);
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details:is(.menu, .account)[open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector<HTMLDetailsElement>("details:is(.menu, .account)[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  });
}
