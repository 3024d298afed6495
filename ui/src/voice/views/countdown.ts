/** Redraws a countdown once a second. */

export class Countdown {
  private timer: ReturnType<typeof setInterval> | undefined;

  /** `draw` gets the milliseconds that are left, and 0 after the end. */
  constructor(private readonly draw: (leftMs: number) => void) {}

  /** Unix time in ms; null for nothing to count. */
  set(moment: number | null): void {
    clearInterval(this.timer);
    const tick = () => {
      const left = Math.max(0, (moment ?? 0) - Date.now());
      if (left === 0) clearInterval(this.timer);
      this.draw(left);
    };
    this.timer = setInterval(tick, 1_000);
    tick();
  }
}
