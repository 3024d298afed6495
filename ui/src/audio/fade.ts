/** Fades out audio that is cut off, in parallel with whatever is played next. */

export class Fade {
  private samples: number[] = [];
  private read = 0;

  /** `length` is the duration of a fade, in samples. */
  constructor(readonly length: number) {}

  /** `upcoming` would have been played next; after its end its last sample (or `last`) is held. */
  begin(upcoming: readonly number[], last: number): void {
    const running = this.samples.slice(this.read);
    const end = upcoming.at(-1) ?? last;
    this.samples = Array.from({ length: this.length }, (_, index) => {
      const gain = 1 - (index + 1) / (this.length + 1);
      return (upcoming[index] ?? end) * gain + (running[index] ?? 0);
    });
    this.read = 0;
  }

  next(): number {
    const sample = this.samples[this.read] ?? 0;
    this.read += 1;
    return sample;
  }
}
