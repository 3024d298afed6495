/**
 * The WebSocket of one call, kept alive: it authenticates, reconnects by itself, takes the session up again with its
 * resume token, and hands on each server message once and in order. The call owns one for its whole life.
 */

import type { AnyClientMessage, AnyServerMessage, AuthOk, ErrorMessage } from "../protocol.generated";
import { backoffMs } from "./backoff";
import { Heartbeat } from "./heartbeat";
import { parse, type SocketLike } from "./socket";

export interface ConnectionOptions {
  openSocket: () => SocketLike;
  random: () => number;
  /** The `seq` up to which nothing is needed again, given the last one received. */
  heardUpTo: (received: number) => number;
}

export interface ConnectionListener {
  /** The server wants to know who is calling, and there is no session to resume. */
  onAuthRequired: (pinRequired: boolean) => void;
  onLive: (message: AuthOk) => void;
  onMessage: (message: AnyServerMessage) => void;
  /** What a human says, PCM16, 16 kHz. */
  onAudio: (pcm: ArrayBuffer) => void;
  onLost: () => void;
  onResumeFailed: () => void;
  /** The session is over and must not be taken up again. */
  onEnded: (message: ErrorMessage | null) => void;
}

type Phase = "closed" | "connecting" | "asked" | "proving" | "resuming" | "live" | "waiting";

const ANSWER_WITHIN_MS = 10_000;
/** A connection that breaks sooner than this is no success: the delays go on growing. */
const STABLE_AFTER_MS = 2_000;
/** Close code with which the server tells that another window has taken the session up. */
const TAKEN_OVER = 4001;

export class Connection {
  private phase: Phase = "closed";
  private socket: SocketLike | null = null;
  private attempt = 0;
  private liveSince = 0;
  private notBeforeMs = 0;
  private pinRequired = true;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly heartbeat: Heartbeat;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly listener: ConnectionListener,
    private resumeToken: string | null = null,
    private received = 0,
  ) {
    this.heartbeat = new Heartbeat(
      () => this.send({ type: "heartbeat", ts_ms: Date.now(), last_seq: options.heardUpTo(this.received) }),
      () => {
        this.lose();
      },
    );
  }

  /** What a reload needs to take the session up again. */
  get ticket(): { resumeToken: string; lastSeq: number } | null {
    if (this.resumeToken === null) return null;
    return { resumeToken: this.resumeToken, lastSeq: this.options.heardUpTo(this.received) };
  }

  open(): void {
    if (this.phase === "closed") this.connect();
  }

  /** Answers `onAuthRequired`; without a PIN when none is needed. */
  authenticate(pin: string | null): void {
    if (this.phase !== "asked") return;
    this.phase = "proving";
    this.expectAnswer();
    this.write({ type: "authenticate", ...(pin === null ? {} : { pin }) });
  }

  /** False when there is no live session on the line: nothing was sent. */
  send(message: AnyClientMessage): boolean {
    if (this.phase !== "live") return false;
    this.write(message);
    return true;
  }

  /** What the caller says to a human, PCM16, 16 kHz. */
  sendAudio(pcm: ArrayBuffer): void {
    if (this.phase === "live") this.socket?.send(pcm);
  }

  /** Does not wait for the rest of the delay: the network has come back. */
  retryNow(): void {
    if (this.phase === "waiting") this.connect();
  }

  /** Ends the session for good. */
  hangUp(): void {
    this.send({ type: "hangup" });
    this.forget();
    this.close();
  }

  private connect(): void {
    this.drop();
    this.phase = "connecting";
    this.expectAnswer();
    const socket = this.options.openSocket();
    socket.onopen = () => {
      if (this.resumeToken !== null) this.resume(this.resumeToken);
    };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.listener.onAudio(data);
      else this.receive(parse(data));
    };
    socket.onclose = ({ code }) => {
      if (code === TAKEN_OVER) this.end(null);
      else this.lose();
    };
    this.socket = socket;
  }

  private resume(token: string): void {
    this.phase = "resuming";
    this.write({ type: "authenticate", resume_token: token, last_seq: this.received });
  }

  private receive(message: AnyServerMessage): void {
    switch (message.type) {
      case "auth_required":
        this.pinRequired = message.pin_required;
        if (this.resumeToken === null) this.ask();
        return;
      case "auth_ok":
        this.goLive(message);
        return;
      case "heartbeat_ack":
        this.heartbeat.answered();
        return;
      case "reconnect":
        this.notBeforeMs = message.after_ms;
        this.lose();
        return;
      default:
        this.deliver(message);
    }
  }

  private deliver(message: AnyServerMessage): void {
    if (message.seq > 0) {
      if (message.seq <= this.received) return;
      this.received = message.seq;
    }
    if (message.type === "error") this.fail(message);
    else this.listener.onMessage(message);
  }

  private fail(error: ErrorMessage): void {
    if (error.code === "session_ended" || error.code === "origin_refused") {
      this.end(error);
    } else if (this.phase === "resuming" && (error.code === "resume_failed" || error.code === "auth_failed")) {
      this.forget();
      this.listener.onResumeFailed();
      this.ask();
    } else if (this.phase === "live") {
      this.listener.onMessage(error);
    } else {
      this.refuse(error);
    }
  }

  /** Not let in: the page may ask again on this socket, but a session to be resumed waits for a new one. */
  private refuse(error: ErrorMessage): void {
    this.notBeforeMs = error.retry_after_ms ?? 0;
    if (this.phase === "proving") this.ask();
    this.listener.onMessage(error);
    if (this.phase === "resuming") this.lose();
  }

  private ask(): void {
    clearTimeout(this.timer);
    this.phase = "asked";
    this.listener.onAuthRequired(this.pinRequired);
  }

  private goLive(message: AuthOk): void {
    clearTimeout(this.timer);
    this.resumeToken = message.resume_token;
    if (!message.resumed) this.received = 0;
    this.phase = "live";
    this.liveSince = Date.now();
    this.heartbeat.start();
    this.listener.onLive(message);
  }

  private lose(): void {
    if (this.phase === "closed") return;
    if (this.phase === "live" && Date.now() - this.liveSince >= STABLE_AFTER_MS) this.attempt = 0;
    this.drop();
    this.phase = "waiting";
    const delay = Math.max(this.notBeforeMs, backoffMs(this.attempt, this.options.random));
    this.attempt += 1;
    this.notBeforeMs = 0;
    this.timer = setTimeout(() => {
      this.connect();
    }, delay);
    this.listener.onLost();
  }

  private end(error: ErrorMessage | null): void {
    this.forget();
    this.close();
    this.listener.onEnded(error);
  }

  private forget(): void {
    this.resumeToken = null;
    this.received = 0;
  }

  private close(): void {
    this.drop();
    this.phase = "closed";
    this.attempt = 0;
  }

  private drop(): void {
    clearTimeout(this.timer);
    this.heartbeat.stop();
    if (this.socket) this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket?.close();
    this.socket = null;
  }

  private expectAnswer(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.lose();
    }, ANSWER_WITHIN_MS);
  }

  private write(message: AnyClientMessage): void {
    this.socket?.send(JSON.stringify(message));
  }
}
