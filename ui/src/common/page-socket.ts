/** A page's WebSocket to its part of the server: opens again by itself, and asks for a sign of life. */

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

const ALIVE_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;
const DELAYS_MS = [200, 500, 1_000, 2_000, 5_000];

export class PageSocket<Sent extends { type: string }, Received extends { type: string }> {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private alive: ReturnType<typeof setInterval> | undefined;
  private answer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly wire: Wire<Sent, Received>,
    private readonly listener: SocketListener<Received>,
  ) {}

  open(): void {
    const url = new URL(this.wire.path, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.addEventListener("open", () => {
      this.alive = setInterval(() => {
        this.ask();
      }, ALIVE_MS);
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.socket) this.receive(JSON.parse(String(data)) as Received);
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.socket) this.lose(code);
    });
    this.socket = socket;
  }

  /** False when the server can't be told now. */
  send(message: Sent): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  private receive(message: Received): void {
    clearTimeout(this.answer);
    if (message.type === this.wire.first) {
      this.attempt = 0;
      this.listener.onConnected(true);
    }
    this.listener.onMessage(message);
  }

  private lose(code: number): void {
    this.socket = null;
    clearInterval(this.alive);
    clearTimeout(this.answer);
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

  private ask(): void {
    const socket = this.socket;
    this.send(this.wire.alive);
    clearTimeout(this.answer);
    this.answer = setTimeout(() => {
      // a dead connection may take a minute to close, and the person shall know at once
      this.lose(0);
      socket?.close();
    }, ANSWER_WITHIN_MS);
  }
}
