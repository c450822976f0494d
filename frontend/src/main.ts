// Starts what makes the pages live. Every page works without it.
import "htmx.org";
import { startDialogs } from "./dialogs";
import { startForms } from "./forms";
import { startKeys } from "./keys";
import { startLive } from "./live";
import { startMemory } from "./memory";
import { startNotifications } from "./notify";
import { startTimes } from "./times";

document.documentElement.classList.add("scripted");
startForms();
startDialogs();
startMemory();
startTimes();
startKeys();
startLive();
startNotifications();
