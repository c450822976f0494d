/*! This page contains noVNC, under the Mozilla Public License 2.0. Its source: https://github.com/novnc/noVNC */
// A VNC display that fills its document. The page around it (screen/vnc.ts) opens it and is told what happens.

import RFB from "@novnc/novnc";
import type { Desktop, DesktopListener, VncView } from "./desktop";

import "./style.css";

const CONTROL_LEFT = 0xffe3;

function openDesktop(listener: DesktopListener): Desktop {
  const address = new URL("/-/display", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const place = document.getElementById("desktop") as HTMLElement;
  const rfb = new RFB(place, address.href, { shared: true, wsProtocols: ["binary"] });
  rfb.scaleViewport = true;
  rfb.resizeSession = true;
  rfb.background = "transparent";
  rfb.addEventListener("connect", () => {
    listener.up();
    rfb.focus();
  });
  rfb.addEventListener("disconnect", () => listener.down("closed"));
  rfb.addEventListener("securityfailure", () => listener.down("refused"));
  rfb.addEventListener("clipboard", (event) => listener.copied((event as CustomEvent<{ text: string }>).detail.text));
  const send = rfb.sendKey.bind(rfb);
  let swapped = false;
  // noVNC makes Alt of a Mac's command key
  rfb.sendKey = (keysym, code, down) => send(swapped && (code === "MetaLeft" || code === "MetaRight") ? CONTROL_LEFT : keysym, code, down);
  return {
    focus: () => rfb.focus(),
    give: (text) => rfb.clipboardPasteFrom(text),
    key: (keysym, down) => send(keysym, null, down),
    quality: (level) => {
      rfb.qualityLevel = level;
    },
    swap: (on) => {
      swapped = on;
    },
    close: () => rfb.disconnect(),
  };
}

(window as VncView).openDesktop = openDesktop;
window.dispatchEvent(new Event("desktop"));
