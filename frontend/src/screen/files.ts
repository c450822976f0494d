// Files in and out: by drag and drop or by the drawer, as far as the site's policy lets them.

import { isDrawerOpen, openDrawer } from "./bar";
import type { Connection } from "./connection";
import { byId, bytes, words } from "./dom";
import { refuseFolder, upload } from "./uploads";

interface Entry {
  name: string;
  size: number;
  modified: number | string;
}

let connection: Connection;

const may = (way: "upload" | "download"): boolean => connection.state.files === "both" || connection.state.files === way;

/** Shows what the policy allows. */
export function arrangeFiles(): void {
  byId("tool-files").hidden = !may("upload") && !may("download");
  byId("files-up").hidden = !may("upload");
  byId("files-down").hidden = !may("download");
  byId("files-folder").textContent = connection.state.folder;
}

function take(files: readonly File[]): void {
  if (files.length === 0) return;
  upload(files, connection.state.folder, () => void list());
  if (!isDrawerOpen()) openDrawer("files");
}

function split(data: DataTransfer): File[] {
  const files: File[] = [];
  for (const item of data.items) {
    if (item.kind !== "file") continue;
    const file = item.getAsFile();
    if (!file) continue;
    if (item.webkitGetAsEntry?.()?.isDirectory) refuseFolder(file.name);
    else files.push(file);
  }
  return files;
}

/** Something is dragged over the program or dropped on it. */
export function drag(event: DragEvent): void {
  const data = event.dataTransfer;
  if (!data || !may("upload") || !connection.up) {
    if (data) data.dropEffect = "none";
    return;
  }
  if (event.type === "drop") {
    byId("drop").hidden = true;
    take(split(data));
  } else if (data.types.includes("Files")) {
    data.dropEffect = "copy";
    byId("drop").hidden = false;
  }
}

async function list(): Promise<void> {
  if (!may("download")) return;
  const place = byId("files-list");
  try {
    const answer = await fetch("/-/files", { signal: AbortSignal.timeout(15_000) });
    if (!answer.ok) throw new Error(String(answer.status));
    const entries = (await answer.json()) as Entry[];
    place.replaceChildren(...(entries.length > 0 ? entries.map(row) : [line(words("no_files", { folder: connection.state.folder }))]));
  } catch {
    place.replaceChildren(line(words("files_unreadable")));
  }
}

function line(text: string): HTMLElement {
  const item = document.createElement("li");
  item.className = "help";
  item.textContent = text;
  return item;
}

function row(entry: Entry): HTMLElement {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/-/files/${encodeURIComponent(entry.name)}`;
  link.download = entry.name;
  link.textContent = entry.name;
  link.setAttribute("aria-label", words("download", { name: entry.name }));
  const size = document.createElement("span");
  size.className = "help";
  size.textContent = bytes(entry.size);
  item.append(link, size);
  return item;
}

export function startFiles(of: Connection): void {
  connection = of;
  const input = byId<HTMLInputElement>("files-input");
  byId("files-choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...(input.files ?? [])]);
    input.value = "";
  });
  byId("files-again").addEventListener("click", () => void list());
  byId("files").addEventListener("open", () => void list());
  const drop = byId("drop");
  drop.addEventListener("dragleave", () => (drop.hidden = true));
  for (const name of ["dragenter", "dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault(); // or the browser leaves the page for the file
      drag(event as DragEvent);
    });
  }
}
