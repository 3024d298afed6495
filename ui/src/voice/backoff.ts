/** Delays between connection attempts, and the timeout of an attempt. */

const DELAYS_MS = [0, 150, 300, 600, 1_200, 2_500, 5_000] as const;

/** A connection to a machine that has vanished fails by itself only after minutes. Slow networks get more time. */
const ANSWER_WITHIN_MS = [4_000, 7_000, 10_000] as const;

/** Random part of each delay, so that the callers of one server don't come back together. */
const SPREAD = 1 / 3;

export class Backoff {
  private attempt = 0;
  private notBeforeMs = 0;

  constructor(private readonly random: () => number) {}

  /** Sets the delay that the server asked for. */
  waitFor(ms: number): void {
    this.notBeforeMs = ms * (1 + this.random() * SPREAD);
  }

  /**
   * Milliseconds until the next attempt. The first attempt after a success is immediate, because most losses are a
   * restart behind a proxy that already answers.
   */
  next(): number {
    const full = DELAYS_MS[Math.min(this.attempt, DELAYS_MS.length - 1)] ?? 0;
    const delay = Math.max(this.notBeforeMs, full * (1 - this.random() * SPREAD));
    this.attempt += 1;
    this.notBeforeMs = 0;
    return delay;
  }

  /** Timeout of a connection attempt, in milliseconds. */
  get answerWithin(): number {
    const failed = Math.max(0, this.attempt - 1);
    return ANSWER_WITHIN_MS[Math.min(failed, ANSWER_WITHIN_MS.length - 1)] ?? 0;
  }

  /** Resets the delays after a success. */
  reset(): void {
    this.attempt = 0;
  }
}
