// What we use of noVNC's documented interface.
declare module "@novnc/novnc" {
  export default class RFB extends EventTarget {
    constructor(place: HTMLElement, address: string, options?: { shared?: boolean; wsProtocols?: string[] });
    scaleViewport: boolean;
    resizeSession: boolean;
    showDotCursor: boolean;
    background: string;
    qualityLevel: number;
    compressionLevel: number;
    focus(options?: FocusOptions): void;
    disconnect(): void;
    sendKey(keysym: number, code: string | null, down?: boolean): void;
    clipboardPasteFrom(text: string): void;
  }
}
