// The browser's clipboard and the program's, kept the same as far as the browser lets a page.
//
// Reading asks the person in some browsers, and shows a button at each attempt in others: so we read only where it was
// allowed once. Pasting with the keyboard needs no leave anywhere: it brings its text along.

export interface Clip {
  /** The text changed on this computer. */
  give(text: string): void;
  copied(text: string): void;
  /** A text that is too long to be passed on: from this computer, or from the program. */
  tooLong(from: "here" | "program"): void;
}

// in bytes of UTF-8. What is longer would hold up the page for seconds on its way in; on its way out Xpra 3.1.3 may pass on
// the first megabyte alone, and Xvnc nothing.
const LONGEST = 1_000_000;

export const isTooLong = (text: string): boolean => text.length > LONGEST || (text.length > LONGEST / 3 && new TextEncoder().encode(text).length > LONGEST);

export async function mayRead(): Promise<boolean> {
  try {
    const found = await navigator.permissions.query({ name: "clipboard-read" as PermissionName });
    return found.state === "granted";
  } catch {
    return false; // a browser that knows no such leave
  }
}

export async function canAsk(): Promise<boolean> {
  try {
    const found = await navigator.permissions.query({ name: "clipboard-read" as PermissionName });
    return found.state === "prompt" && Boolean(navigator.clipboard?.readText);
  } catch {
    return false;
  }
}

/** One display's side of the clipboard. */
export class Sync {
  private last = "";
  private waiting: string | null = null;
  private skipping = false;

  constructor(
    private readonly view: Window & { navigator: Navigator },
    private readonly clip: Clip,
  ) {
    view.document.addEventListener("paste", (event) => this.pasted(event), { capture: true });
    // what could not be written without a person's hand is written at their next touch
    for (const name of ["pointerdown", "keydown"]) {
      view.document.addEventListener(name, () => this.waiting !== null && void this.write(this.waiting), { capture: true, passive: true });
    }
    view.addEventListener("focus", () => void this.read());
    view.addEventListener("blur", () => (this.skipping = false));
    view.document.addEventListener("pointerdown", () => void this.read(), { capture: true, passive: true });
  }

  private pasted(event: ClipboardEvent): void {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    event.preventDefault();
    event.stopImmediatePropagation();
    if (text) this.take(text);
  }

  private take(text: string): void {
    this.skipping = isTooLong(text);
    if (this.skipping) {
      this.clip.tooLong("here");
      return;
    }
    this.last = text;
    this.waiting = null;
    this.clip.give(text);
  }

  /** Looks for news on this computer's clipboard; what was too long is not read again before somebody has been elsewhere. */
  async read(): Promise<void> {
    if (this.skipping || !(await mayRead())) return;
    try {
      const text = await this.view.navigator.clipboard.readText();
      if (text && text !== this.last) this.take(text);
    } catch {
      // the window lost the focus meanwhile, or holds a picture
    }
  }

  /** The program has copied this. */
  async fromProgram(text: string): Promise<void> {
    if (!text || text === this.last) return;
    if (isTooLong(text)) {
      this.lost();
      return;
    }
    this.last = text;
    this.clip.copied(text);
    await this.write(text);
  }

  /** The program has copied more than comes over: what it copied before is not to be taken for it. */
  lost(): void {
    this.last = "";
    this.waiting = null;
    this.clip.tooLong("program");
  }

  private async write(text: string): Promise<void> {
    try {
      await this.view.navigator.clipboard.writeText(text);
      this.waiting = null;
    } catch {
      this.waiting = text;
    }
  }
}
