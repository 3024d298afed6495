/** The desk's WebSocket: opens again by itself, and hands on what the server shows. */

import type { AnyDeskClientMessage, AnyDeskServerMessage, DeskAction } from "../protocol.generated";

export interface DeskListener {
  onMessage: (message: AnyDeskServerMessage) => void;
  onConnected: (on: boolean) => void;
  /** It will not open again: nobody is logged in, another window has taken over, or there is no telephone. */
  onEnd: (code: number) => void;
}

export const NOT_LOGGED_IN = 4401;
export const NO_TELEPHONE = 4403;
export const TAKEN_OVER = 4001;

const ALIVE_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;
const DELAYS_MS = [200, 500, 1_000, 2_000, 5_000];

export class DeskSocket {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private alive: ReturnType<typeof setInterval> | undefined;
  private answer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly listener: DeskListener) {}

  open(): void {
    const url = new URL("/call-center/ws", window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.addEventListener("open", () => {
      this.alive = setInterval(() => {
        this.ask();
      }, ALIVE_MS);
    });
    socket.addEventListener("message", ({ data }) => {
      this.receive(JSON.parse(String(data)) as AnyDeskServerMessage);
    });
    socket.addEventListener("close", ({ code }) => {
      this.lose(code);
    });
    this.socket = socket;
  }

  /** False when the server can't be told now. */
  does(action: DeskAction, text = ""): boolean {
    return this.send({ type: "desk_does", action, text });
  }

  private receive(message: AnyDeskServerMessage): void {
    clearTimeout(this.answer);
    if (message.type === "desk_view") {
      this.attempt = 0;
      this.listener.onConnected(true);
    }
    this.listener.onMessage(message);
  }

  private lose(code: number): void {
    clearInterval(this.alive);
    clearTimeout(this.answer);
    this.listener.onConnected(false);
    if ([NOT_LOGGED_IN, NO_TELEPHONE, TAKEN_OVER].includes(code)) {
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

  private ask(): void {
    this.send({ type: "desk_alive" });
    clearTimeout(this.answer);
    this.answer = setTimeout(() => {
      this.socket?.close();
    }, ANSWER_WITHIN_MS);
  }

  private send(message: AnyDeskClientMessage): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
}
