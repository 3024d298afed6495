/**
 * Watches an open connection: one that says nothing for a while is asked for a sign of life, and counts as dead without.
 * A machine that vanishes closes nothing, and the browser itself would find that out after minutes.
 *
 * In a hidden page Chromium runs timers once a second, and once a minute when it has been hidden and quiet for five
 * minutes: there a dead connection is found within six seconds, or three minutes. `checkNow` is for its coming back.
 */

/** A live connection is asked after so long without a message. */
const QUIET_MS = 2_000;
const ANSWER_WITHIN_MS = 1_800;
/** The server learns by a heartbeat what has arrived, and keeps it until then. */
const AT_LEAST_EVERY_MS = 10_000;
/** A timer that is later than this was held up by the page itself: the answer may wait behind it. */
const LATE_MS = 1_000;

export class Heartbeat {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private heardAt = 0;
  private askedAt = 0;
  private isAsked = false;
  private isExcused = false;

  /** `beat` asks for a sign of life; `onSilence` is called once when none has come. */
  constructor(
    private readonly beat: () => void,
    private readonly onSilence: () => void,
  ) {}

  start(): void {
    this.askedAt = performance.now();
    this.heard();
    this.lookIn(QUIET_MS);
  }

  /** Anything has come from the other side. */
  heard(): void {
    this.heardAt = performance.now();
    this.isAsked = this.isExcused = false;
  }

  /** The page was hidden or the network has changed: what is known of the connection may be old. */
  checkNow(): void {
    if (this.timer !== undefined && !this.isAsked) this.ask();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private lookIn(ms: number): void {
    clearTimeout(this.timer);
    const due = performance.now() + ms;
    this.timer = setTimeout(() => {
      this.look(performance.now() - due);
    }, ms);
  }

  private look(lateMs: number): void {
    const now = performance.now();
    const quietMs = now - this.heardAt;
    if (this.isAsked) {
      this.doubt(lateMs);
    } else if (quietMs >= QUIET_MS || now - this.askedAt >= AT_LEAST_EVERY_MS) {
      this.ask();
    } else {
      this.lookIn(QUIET_MS - quietMs);
    }
  }

  private ask(): void {
    this.isAsked = true;
    this.askedAt = performance.now();
    this.lookIn(ANSWER_WITHIN_MS);
    this.beat();
  }

  private doubt(lateMs: number): void {
    if (lateMs > LATE_MS && !this.isExcused) {
      this.isExcused = true;
      this.lookIn(LATE_MS);
    } else {
      this.stop();
      this.onSilence();
    }
  }
}
