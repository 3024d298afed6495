/** A page's WebSocket to its part of the server: opens again by itself, and asks for a sign of life. */

import { Heartbeat } from "./heartbeat";

export interface SocketListener<Received> {
  onMessage: (message: Received) => void;
  /** True from the first whole view on, false as soon as the connection is known to be lost. */
  onConnected: (on: boolean) => void;
  /** It will not open again, by one of the codes in `Wire.ends`. */
  onEnd: (code: number) => void;
}

export interface Wire<Sent, Received> {
  path: string;
  /** The message that asks for a sign of life; any message answers it. */
  alive: Sent;
  /** What the server sends when a connection stands. */
  first: Received extends { type: string } ? Received["type"] : never;
  /** Close codes after which opening again is of no use. */
  ends: readonly number[];
}

export const NOT_LOGGED_IN = 4401;

/** From opening to the first whole view; longer after each failure, for slow networks. */
const OPEN_WITHIN_MS = [4_000, 7_000, 10_000];
const DELAYS_MS = [200, 500, 1_000, 2_000, 5_000];

export class PageSocket<Sent extends { type: string }, Received extends { type: string }> {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private opening: ReturnType<typeof setTimeout> | undefined;
  private readonly heartbeat = new Heartbeat(
    () => this.send(this.wire.alive),
    () => {
      this.giveUp();
    },
  );

  constructor(
    private readonly wire: Wire<Sent, Received>,
    private readonly listener: SocketListener<Received>,
  ) {
    // what is known of the connection may be old
    window.addEventListener("online", () => {
      this.heartbeat.checkNow();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.heartbeat.checkNow();
    });
  }

  open(): void {
    const url = new URL(this.wire.path, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.socket) this.receive(JSON.parse(String(data)) as Received);
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.socket) this.lose(code);
    });
    this.socket = socket;
    const failed = Math.max(0, this.attempt - 1);
    this.opening = setTimeout(
      () => {
        this.giveUp();
      },
      OPEN_WITHIN_MS[Math.min(failed, OPEN_WITHIN_MS.length - 1)],
    );
  }

  /** False when the server can't be told now. */
  send(message: Sent): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  private receive(message: Received): void {
    this.heartbeat.heard();
    if (message.type === this.wire.first) {
      this.attempt = 0;
      clearTimeout(this.opening);
      this.heartbeat.start();
      this.listener.onConnected(true);
    }
    this.listener.onMessage(message);
  }

  private lose(code: number): void {
    this.socket = null;
    clearTimeout(this.opening);
    this.heartbeat.stop();
    this.listener.onConnected(false);
    if (this.wire.ends.includes(code)) {
      this.listener.onEnd(code);
      return;
    }
    setTimeout(
      () => {
        this.open();
      },
      DELAYS_MS[Math.min(this.attempt, DELAYS_MS.length - 1)],
    );
    this.attempt += 1;
  }

  /** A dead connection may take minutes to close, and the person shall know at once. */
  private giveUp(): void {
    const socket = this.socket;
    this.lose(0);
    socket?.close();
  }
}
