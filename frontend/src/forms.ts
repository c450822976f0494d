import { later } from "./live";

// Launch form: which fields apply, the summary sentence, one press of Start. Login form: posts itself.

function value(form: HTMLFormElement, name: string): string {
  const all = new FormData(form).getAll(name);
  return String(all[all.length - 1] ?? "");
}

function showFields(form: HTMLFormElement): void {
  const hidden = new Set<string>();
  const fields = [...form.querySelectorAll<HTMLElement>("[data-show-when]")];
  // a field also hides with the one that it depends on, so settle in as many rounds as there are fields
  for (let round = 0; round <= fields.length; round += 1) {
    for (const field of fields) {
      const conditions = JSON.parse(field.dataset.showWhen ?? "{}") as Record<string, string[]>;
      const shown = Object.entries(conditions).every(([name, allowed]) => !hidden.has(name) && allowed.includes(value(form, name)));
      field.toggleAttribute("data-hidden", !shown);
      if (shown) hidden.delete(field.dataset.field ?? "");
      else hidden.add(field.dataset.field ?? "");
    }
  }
  const chosen = form.querySelector<HTMLElement>("[data-summary]:checked");
  const place = form.querySelector("[data-summary-here]");
  if (chosen && place) place.textContent = chosen.dataset.summary ?? "";
}

/** Asks the portal when it would start as the form stands now, shortly after the last change. */
function asks(form: HTMLFormElement): void {
  let timer: number | undefined;
  form.addEventListener("input", (event) => {
    if (!/^(size|cluster|placement\.|resources\.)/.test((event.target as HTMLInputElement).name)) return;
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      const line = form.querySelector<HTMLElement>("#foot-line");
      if (line) later(`@${line.dataset.cluster}`);
    }, 200);
  });
}

export function startForms(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form.launch")) {
    showFields(form);
    form.addEventListener("input", () => showFields(form));
    if (form.dataset.ask !== undefined) asks(form);
  }
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (form.dataset.once === undefined) return;
    if (form.dataset.sent !== undefined) event.preventDefault();
    form.dataset.sent = "";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  });
  // a page that comes back from the browser's memory may be sent again: its key makes that harmless
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
    }
  });
  const landing = document.querySelector<HTMLFormElement>("form[data-autosubmit]");
  if (landing) {
    history.replaceState(null, "", location.pathname);
    landing.requestSubmit();
  }
  document.querySelector<HTMLSelectElement>("[data-theme-choice]")?.addEventListener("change", (event) => {
    const chosen = event.target as HTMLSelectElement;
    document.documentElement.dataset.theme = chosen.value;
    chosen.form?.requestSubmit();
  });
}
