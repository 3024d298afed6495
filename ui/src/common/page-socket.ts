/** A staff page's WebSocket. It reconnects by itself and sends heartbeats. */

import { Heartbeat } from "./heartbeat";

export interface SocketListener<Received> {
  onMessage: (message: Received) => void;
  /** True from the first complete view on, false as soon as the connection is known to be lost. */
  onConnected: (on: boolean) => void;
  /** The socket was closed with a code of `Wire.ends` and does not reconnect. */
  onEnd: (code: number) => void;
}

export interface Wire<Sent, Received> {
  path: string;
  /** The heartbeat message; any message answers it. */
  alive: Sent;
  /** The first message that the server sends on a new connection. */
  first: Received extends { type: string } ? Received["type"] : never;
  /** Close codes after which reconnecting is useless. */
  ends: readonly number[];
}

export const NOT_LOGGED_IN = 4401;

/** Timeout from opening to the first complete view; longer after each failure, for slow networks. */
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
    // the connection may have died meanwhile
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

  /** Returns false if the server can't be reached now. */
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

  /** A dead connection may take minutes to close, but the person must know at once. */
  private giveUp(): void {
    const socket = this.socket;
    this.lose(0);
    socket?.close();
  }
}
