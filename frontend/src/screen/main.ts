// The page around a graphical program: a bar, drawers, and the display in a frame.

import { closeDrawers, isDrawerOpen, reach, startBar } from "./bar";
import { refuse, remember, startClipboard } from "./clipboard";
import { Connection } from "./connection";
import { watchChord } from "./display";
import { byId } from "./dom";
import { arrangeFiles, drag, startFiles } from "./files";
import { startFullscreen } from "./fullscreen";
import { startKeys } from "./keys";
import { startQuality } from "./quality";
import { hide, onChange, settings, startSettings } from "./settings";
import { startStanding } from "./standing";
import { startThumbnails } from "./thumbnail";
import { isUploading } from "./uploads";

import "./style.css";

const back = (): void => connection.display?.focus();

let wasUp = false;
const connection: Connection = new Connection(
  byId("frames"),
  {
    copied: remember,
    tooLong: refuse,
    used: (pressed) => {
      quality.used();
      if (pressed && isDrawerOpen()) closeDrawers();
    },
    reach,
    drag,
  },
  () => {
    arrangeFiles();
    hide("sound", !connection.state.sound);
    hide("layout", connection.state.display !== "xpra");
    if (connection.up && !wasUp) {
      thumbnails.seen();
      quality.look();
    }
    wasUp = connection.up;
  },
);
const quality = startQuality(connection);
const thumbnails = startThumbnails(connection);

byId("cover-stuck").remove();
startSettings();
startBar(back);
startFullscreen(back);
startClipboard(connection, back);
startKeys(connection);
startFiles(connection);
startStanding((answer) => {
  // not while it is ending: the program may be asking whether to save
  if (answer.kind === "standing" && answer.standing.phase === "ended") connection.end(answer.standing);
});
watchChord(document, { reach: back });
onChange((name) => {
  if (name === "scale") connection.rescale();
  else if (connection.display && !connection.display.apply(name)) connection.renew();
});
window.addEventListener("resize", () => connection.rescale());
window.addEventListener("beforeunload", (event) => {
  const runs = connection.up && connection.state.program !== "ended";
  if ((runs && settings.ask) || isUploading()) event.preventDefault();
});
void connection.open();
