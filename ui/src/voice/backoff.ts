/** When to try again after a lost connection, and for how long a new one is waited for. */

const DELAYS_MS = [0, 150, 300, 600, 1_200, 2_500, 5_000] as const;

/** A connection to a machine that has vanished fails by itself after minutes; one over a slow network gets longer. */
const ANSWER_WITHIN_MS = [4_000, 7_000, 10_000] as const;

/** Both kinds of delay differ by up to a third at random, so that the callers of one server don't come back together. */
const SPREAD = 1 / 3;

export class Backoff {
  private attempt = 0;
  private notBeforeMs = 0;

  constructor(private readonly random: () => number) {}

  /** The next attempt waits for as long as a server asked for. */
  waitFor(ms: number): void {
    this.notBeforeMs = ms * (1 + this.random() * SPREAD);
  }

  /**
   * Milliseconds until the next attempt. The first after a success is immediate, since most losses are a restart behind
   * a proxy that already answers.
   */
  next(): number {
    const full = DELAYS_MS[Math.min(this.attempt, DELAYS_MS.length - 1)] ?? 0;
    const delay = Math.max(this.notBeforeMs, full * (1 - this.random() * SPREAD));
    this.attempt += 1;
    this.notBeforeMs = 0;
    return delay;
  }

  /** Milliseconds within which a new connection must be there. */
  get answerWithin(): number {
    const failed = Math.max(0, this.attempt - 1);
    return ANSWER_WITHIN_MS[Math.min(failed, ANSWER_WITHIN_MS.length - 1)] ?? 0;
  }

  /** All is well again. */
  reset(): void {
    this.attempt = 0;
  }
}
