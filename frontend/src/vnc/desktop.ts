// What the page of a VNC display offers to the page around it.

export interface Desktop {
  focus(): void;
  give(text: string): void;
  key(keysym: number, down: boolean): void;
  quality(level: number): void;
  swap(on: boolean): void;
  close(): void;
}

export interface DesktopListener {
  up(): void;
  down(why: string): void;
  copied(text: string): void;
}

export type VncView = Window & { navigator: Navigator; openDesktop?: (listener: DesktopListener) => Desktop };
