/** When to try again after a lost connection. */

const DELAYS_MS = [0, 150, 300, 600, 1_200, 2_500, 5_000] as const;

/**
 * Milliseconds before attempt number `attempt` (0 is the first one after the loss). The first is immediate, since most
 * losses are a restart behind a proxy that already answers; the others are shortened by up to a third at random, so that
 * the callers of one lost server don't come back at the same instant.
 */
export function backoffMs(attempt: number, random: () => number): number {
  const full = DELAYS_MS[Math.min(attempt, DELAYS_MS.length - 1)] ?? 0;
  return full * (1 - random() / 3);
}
