// Files on their way in: one after the other, each with its progress, a way to stop it, and what became of it in words.

import { byId, bytes, note, speak, words } from "./dom";

interface Outcome {
  word: string;
  stored?: string;
  code?: string;
}

const WORDS: Record<string, string> = { files_off: "files_off", disk_full: "disk_full", bad_name: "bad_name", folder_closed: "folder_closed" };
const waiting: { file: File; row: Row }[] = [];
let running = false;
let folder = "";
let done: () => void = () => undefined;

/** One line of the list. */
class Row {
  private readonly item = document.createElement("li");
  private readonly text = document.createElement("span");
  private readonly bar = document.createElement("progress");
  private readonly button = document.createElement("button");
  cancelled = false;
  stop: () => void = () => undefined;

  constructor(private readonly name: string) {
    this.bar.max = 100;
    this.bar.value = 0;
    this.bar.setAttribute("aria-label", name);
    this.button.type = "button";
    this.button.className = "quiet-button";
    this.button.textContent = words("cancel");
    this.button.addEventListener("click", () => {
      this.cancelled = true;
      this.stop();
    });
    this.item.append(this.text, this.button, this.bar);
    byId("uploads").prepend(this.item);
    this.text.textContent = words("upload_waits", { name });
  }

  progress(sent: number, size: number): void {
    const percent = size > 0 ? Math.floor((100 * sent) / size) : 100;
    this.bar.value = percent;
    this.text.textContent = words("upload_runs", { name: this.name, percent, size: bytes(size) });
  }

  end(outcome: Outcome): void {
    const sentence = words(outcome.word, { name: this.name, folder, stored: outcome.stored ?? "", code: outcome.code ?? "" });
    this.text.textContent = sentence;
    this.bar.remove();
    this.button.remove();
    this.item.className = outcome.word.startsWith("upload_done") || outcome.word === "upload_renamed" ? "good" : "bad";
    if (byId("files").hidden) note(sentence);
    else speak(sentence);
  }
}

function send(file: File, row: Row): Promise<Outcome> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest(); // fetch tells nothing of what has been sent
    request.open("PUT", `/-/files/${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => row.progress(event.loaded, file.size));
    request.addEventListener("load", () => resolve(read(request, file.name)));
    request.addEventListener("error", () => resolve({ word: "upload_broke" }));
    request.addEventListener("abort", () => resolve({ word: "upload_cancelled" }));
    row.stop = () => request.abort();
    row.progress(0, file.size);
    request.send(file);
  });
}

function read(request: XMLHttpRequest, name: string): Outcome {
  const answer = (request.response ?? {}) as { name?: string; error?: string };
  if (request.status === 201) {
    const stored = answer.name ?? name;
    return { word: stored === name.normalize("NFC") ? "upload_done" : "upload_renamed", stored };
  }
  const word = WORDS[answer.error ?? ""];
  if (word) return { word };
  return request.status >= 500 ? { word: "upload_broke" } : { word: "upload_failed", code: answer.error ?? String(request.status) };
}

async function work(): Promise<void> {
  if (running) return;
  running = true;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const outcome = next.row.cancelled ? { word: "upload_cancelled" } : await send(next.file, next.row);
    next.row.end(outcome);
    done();
  }
  running = false;
}

/** Uploads these, after those that wait. `place` is the folder's name, `then` is called after each. */
export function upload(files: readonly File[], place: string, then: () => void): void {
  folder = place;
  done = then;
  for (const file of files) waiting.push({ file, row: new Row(file.name) });
  void work();
}

/** Says that a folder was dropped. */
export function refuseFolder(name: string): void {
  new Row(name).end({ word: "not_a_file" });
}

export const isUploading = (): boolean => running;
