/** A fake of the browser's WebSocket, for the pages that open it themselves. */

export class FakeWebSocket extends EventTarget {
  static readonly OPEN = 1;
  /** Every socket of the test, in order. */
  static all: FakeWebSocket[] = [];
  readyState = 0;
  bufferedAmount = 0;
  binaryType = "blob";
  isClosed = false;
  /** Text messages and audio that the page has sent. */
  readonly sent: unknown[] = [];
  readonly audio: ArrayBuffer[] = [];

  constructor(readonly url: string | URL) {
    super();
    FakeWebSocket.all.push(this);
  }

  static get latest(): FakeWebSocket {
    const socket = FakeWebSocket.all.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  send(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.sent.push(JSON.parse(data));
    else this.audio.push(data);
  }

  close(): void {
    this.isClosed = true;
  }

  /** The server accepts. */
  open(): void {
    this.readyState = FakeWebSocket.OPEN;
    this.dispatchEvent(new Event("open"));
  }

  receive(message: { type: string } | ArrayBuffer): void {
    const data = message instanceof ArrayBuffer ? message : JSON.stringify(message);
    this.readyState = FakeWebSocket.OPEN;
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  /** The network or the server closes. */
  breakOff(code = 1006): void {
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}
