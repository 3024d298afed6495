/** Redraws what counts the seconds to a moment, once a second until it has come. */

export class Countdown {
  private timer: ReturnType<typeof setInterval> | undefined;

  /** `draw` gets the milliseconds that are left, 0 from the moment on. */
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
