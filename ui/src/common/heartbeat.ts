/**
 * Watches an open connection. A connection without messages gets a heartbeat, and counts as dead if it is not answered.
 * A machine that vanishes closes nothing, and the browser itself would notice only after minutes.
 *
 * In a hidden page Chromium runs timers once a second, and once a minute after five hidden and quiet minutes. A dead
 * connection is then found within six seconds or three minutes. Call `checkNow` when the page becomes visible again.
 */

/** After this long without a message, a live connection gets a heartbeat. */
const QUIET_MS = 2_000;
const ANSWER_WITHIN_MS = 1_800;
/** A heartbeat tells the server what has arrived; until then the server keeps it. */
const AT_LEAST_EVERY_MS = 10_000;
/** A timer later than this was delayed by the page itself, and the answer may still be queued behind it. */
const LATE_MS = 1_000;

export class Heartbeat {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private heardAt = 0;
  private askedAt = 0;
  private isAsked = false;
  private isExcused = false;

  /** `beat` sends a heartbeat; `onSilence` is called once if it is not answered. */
  constructor(
    private readonly beat: () => void,
    private readonly onSilence: () => void,
  ) {}

  start(): void {
    this.askedAt = performance.now();
    this.heard();
    this.lookIn(QUIET_MS);
  }

  /** Records that a message has arrived. */
  heard(): void {
    this.heardAt = performance.now();
    this.isAsked = this.isExcused = false;
  }

  /** Checks the connection at once, after the page was hidden or the network changed. */
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
