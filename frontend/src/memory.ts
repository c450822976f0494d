// What this browser remembers: folds that are open, notices that were seen, and whether to open a session when ready.

function recall(key: string): string | null {
  try {
    return localStorage.getItem(`armchair.${key}`);
  } catch {
    return null; // storage is switched off
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(`armchair.${key}`, value);
  } catch {
    // storage is switched off: nothing is remembered
  }
}

export function restore(root: ParentNode): void {
  for (const fold of root.querySelectorAll<HTMLDetailsElement>("details[data-remember]")) {
    const key = `fold.${fold.dataset.remember}`;
    if (recall(key) === "open") fold.open = true;
    fold.addEventListener("toggle", () => keep(key, fold.open ? "open" : "closed"));
  }
  for (const log of root.querySelectorAll<HTMLElement>("[data-tail]")) log.scrollTop = log.scrollHeight;
}

function notice(): void {
  const box = document.querySelector<HTMLElement>("[data-once-notice]");
  if (!box) return;
  const key = `seen.${box.dataset.onceNotice}`;
  box.hidden = recall(key) !== null;
  box.querySelector("[data-dismiss]")?.addEventListener("click", () => {
    keep(key, "yes");
    box.hidden = true;
  });
}

function openWhenReady(): void {
  const box = document.querySelector<HTMLInputElement>("[data-open-when]");
  const address = new URL(location.href);
  const asked = address.searchParams.get("open") === "1";
  if (asked) {
    // once: a reload or the way back must not open it again
    address.searchParams.delete("open");
    history.replaceState(null, "", address);
  }
  if (box) box.checked = asked;
  else if (asked) follow(true);
}

/** Goes to the session when it is ready and the box is (or was) ticked. */
export function follow(ticked?: boolean): void {
  const line = document.querySelector<HTMLElement>(".open-when");
  // a session that has been queued again is waited for again
  const waiting = document.querySelector("#live[data-waiting]") !== null;
  if (line && waiting) line.hidden = false;
  line?.classList.toggle("gone", !waiting);
  const wanted = ticked ?? document.querySelector<HTMLInputElement>("[data-open-when]")?.checked ?? false;
  const target = document.querySelector<HTMLElement>("#live[data-ready]")?.dataset.ready;
  const box = document.querySelector<HTMLInputElement>("[data-open-when]");
  if (!wanted || !target) return;
  if (box) box.checked = false;
  location.assign(target);
}

export function startMemory(): void {
  restore(document);
  notice();
  openWhenReady();
  follow();
}
