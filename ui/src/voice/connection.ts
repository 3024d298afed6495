/**
 * The WebSocket of a call. It authenticates, reconnects by itself, resumes the session with its resume token, and
 * passes on each server message once and in order. A call uses one instance for its whole life.
 */

import type { AnyClientMessage, AnyServerMessage, AuthOk, Authenticate, ErrorMessage } from "../protocol.generated";
import { Heartbeat } from "../common/heartbeat";
import { Backoff } from "./backoff";
import type { ConnectionListener, ConnectionOptions } from "./connection-listener";
import { ResumePoint } from "./resume-point";
import { Wire } from "./socket";

/** In `asked` the page waits for its caller; the server may have closed the socket meanwhile. */
type Phase = "closed" | "connecting" | "asked" | "proving" | "resuming" | "live" | "waiting";

/** A PIN is checked in milliseconds; a server in trouble gives up before this. */
const PROVED_WITHIN_MS = 10_000;
/** A connection that breaks sooner than this does not reset the delays. */
const STABLE_AFTER_MS = 2_000;
/** Close code: another window has resumed the session. */
const TAKEN_OVER = 4001;

const NO_ROOM: readonly ErrorMessage["code"][] = ["overloaded", "too_many_sessions"];

export class Connection {
  private phase: Phase = "closed";
  private wire: Wire | null = null;
  private liveSince = 0;
  private pinRequired = true;
  /** A PIN that the server has neither accepted nor refused yet. */
  private credentials: Pick<Authenticate, "pin"> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly session: ResumePoint;
  private readonly heartbeat: Heartbeat;
  private readonly backoff: Backoff;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly listener: ConnectionListener,
    resumeToken: string | null = null,
    lastSeq = 0,
  ) {
    this.session = new ResumePoint(resumeToken, lastSeq);
    this.backoff = new Backoff(options.random);
    this.heartbeat = new Heartbeat(
      () => this.send({ type: "heartbeat", ts_ms: Date.now(), last_seq: options.heardUpTo(this.session.lastSeq) }),
      () => this.lose(),
    );
  }

  /** The data that a reload needs to resume the session. */
  get ticket(): { resumeToken: string; lastSeq: number } | null {
    const { token: resumeToken, lastSeq } = this.session;
    return resumeToken === null ? null : { resumeToken, lastSeq: this.options.heardUpTo(lastSeq) };
  }

  /** Called again when the caller starts to type, because a server closes unauthenticated sockets soon. */
  open(): void {
    if (this.phase === "closed" || (this.phase === "asked" && !this.wire)) this.connect();
  }

  /** Authenticates as soon as the server can be reached; without a PIN if none is required. */
  authenticate(pin: string | null): void {
    this.credentials = pin === null ? {} : { pin };
    if (this.phase === "asked" && this.wire) this.authenticateBy(this.credentials, "proving");
    else this.open();
  }

  /** Returns false, and sends nothing, if there is no live session. */
  send(message: AnyClientMessage): boolean {
    if (this.phase !== "live") return false;
    this.wire?.send(message);
    return true;
  }

  /** Sends a binary frame, or drops it if there is no live session. */
  sendSound(frame: ArrayBuffer): void {
    if (this.phase === "live") this.wire?.sendSound(frame);
  }

  /** Skips the rest of the delay. A live connection is checked at once. */
  retryNow(): void {
    if (this.phase === "waiting") this.connect();
    else if (this.phase === "live") this.heartbeat.checkNow();
  }

  /** Ends the session for good. */
  hangUp(): void {
    this.send({ type: "hangup" });
    this.close();
  }

  private connect(): void {
    this.drop();
    this.phase = "connecting";
    this.expectAnswer(this.backoff.answerWithin);
    this.wire = new Wire(this.options.openSocket(), {
      onOpen: () => {
        const { token, lastSeq } = this.session;
        if (token !== null) this.authenticateBy({ resume_token: token, last_seq: lastSeq }, "resuming");
      },
      onMessage: (message) => {
        this.heartbeat.heard();
        this.receive(message);
      },
      onSound: (frame) => {
        this.heartbeat.heard();
        if (this.session.isNew(frame.seq)) this.listener.onSound(frame);
      },
      onClose: (code) => {
        if (code === TAKEN_OVER) this.end(null);
        else this.leave();
      },
    });
  }

  private authenticateBy(proof: Omit<Authenticate, "type">, phase: "proving" | "resuming"): void {
    this.phase = phase;
    this.expectAnswer(phase === "resuming" ? this.backoff.answerWithin : PROVED_WITHIN_MS);
    this.wire?.send({ type: "authenticate", audio: "stream", ...proof });
  }

  private receive(message: AnyServerMessage): void {
    switch (message.type) {
      case "auth_required":
        this.pinRequired = message.pin_required;
        if (this.session.token === null) this.ask();
        return;
      case "auth_ok":
        this.goLive(message);
        return;
      case "heartbeat_ack":
        return; // any message is a sign of life
      case "reconnect":
        this.backoff.waitFor(message.after_ms);
        this.leave();
        return;
      default:
        if (!this.session.isNew(message.seq)) return;
        if (message.type === "error") this.fail(message);
        else this.listener.onMessage(message);
    }
  }

  private fail(error: ErrorMessage): void {
    if (error.code === "session_ended" || error.code === "origin_refused") {
      this.end(error);
    } else if (this.phase === "live") {
      this.listener.onMessage(error);
    } else if (NO_ROOM.includes(error.code)) {
      this.waitForRoom(error);
    } else if (this.phase === "resuming" && (error.code === "resume_failed" || error.code === "auth_failed")) {
      this.session.forget();
      this.listener.onResumeFailed();
      this.ask();
    } else {
      this.refuse(error);
    }
  }

  /** Refused: the caller may retry on this socket; the page's own retries use a new one. */
  private refuse(error: ErrorMessage): void {
    if (this.phase === "asked") {
      this.drop(); // nobody has asked for anything yet
      return;
    }
    this.credentials = null;
    const isCallersTurn = this.phase === "proving" && this.pinRequired;
    if (isCallersTurn) this.ask();
    this.listener.onMessage(error);
    if (isCallersTurn) return;
    this.backoff.waitFor(error.retry_after_ms ?? 0);
    this.leave();
  }

  /** The next attempt may reach another server, or find room. */
  private waitForRoom(error: ErrorMessage): void {
    this.backoff.waitFor(error.retry_after_ms ?? 0);
    this.listener.onNoRoom(error, this.lose());
  }

  private ask(): void {
    clearTimeout(this.timer);
    if (this.credentials) {
      this.authenticateBy(this.credentials, "proving");
      return;
    }
    this.phase = "asked";
    this.listener.onAuthRequired(this.pinRequired);
  }

  private goLive(message: AuthOk): void {
    clearTimeout(this.timer);
    this.session.renew(message.resume_token, message.resumed);
    this.credentials = null;
    this.phase = "live";
    this.liveSince = Date.now();
    this.heartbeat.start();
    this.listener.onLive(message);
  }

  /** The socket is closed. While the page waits for its caller, no new one is needed. */
  private leave(): void {
    if (this.phase === "asked") this.drop();
    else this.lose();
  }

  /** Returns the milliseconds until the next attempt. */
  private lose(): number {
    if (this.phase === "live" && Date.now() - this.liveSince >= STABLE_AFTER_MS) this.backoff.reset();
    this.drop();
    this.phase = "waiting";
    const delay = this.backoff.next();
    this.timer = setTimeout(() => {
      this.connect();
    }, delay);
    this.listener.onLost();
    return delay;
  }

  private end(error: ErrorMessage | null): void {
    this.close();
    this.listener.onEnded(error);
  }

  private close(): void {
    this.drop();
    this.phase = "closed";
    this.credentials = null;
    this.session.forget();
    this.backoff.reset();
  }

  private drop(): void {
    clearTimeout(this.timer);
    this.heartbeat.stop();
    this.wire?.drop();
    this.wire = null;
  }

  private expectAnswer(withinMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.lose();
    }, withinMs);
  }
}
