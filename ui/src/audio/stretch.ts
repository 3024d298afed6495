/** Reads recent audio at any place, also between two samples: so it can be played a little faster or slower. */

import { sincTaps } from "./sinc";

/** Input samples on each side of an output sample. */
export const HALF = 8;

/** Places between two samples; the nearest one is taken, which errs by -50 dB at 4 kHz and less below. */
const PHASES = 256;
const TAPS = Array.from({ length: PHASES + 1 }, (_, phase) => sincTaps(HALF, phase / PHASES, 1));

/** Samples that are kept, half a second at 16 kHz: a power of two. */
const CAPACITY = 8_192;
const MASK = CAPACITY - 1;
const FULL_SCALE = 0x8000;

/** The last samples of a stream. Places are counted from its first sample. */
export class RecentAudio {
  private readonly samples = new Float32Array(CAPACITY);
  private count = 0;

  /** Samples that were added so far. */
  get end(): number {
    return this.count;
  }

  add(pcm: Int16Array): void {
    for (const sample of pcm) {
      this.samples[this.count & MASK] = sample / FULL_SCALE;
      this.count += 1;
    }
  }

  /** The audio at this place. It needs the `HALF` samples before and after. */
  at(place: number): number {
    const before = Math.floor(place);
    const taps = TAPS[Math.round((place - before) * PHASES)];
    let sum = 0;
    for (let tap = 0; tap < 2 * HALF; tap += 1)
      sum += (taps?.[tap] ?? 0) * (this.samples[(before - HALF + 1 + tap) & MASK] ?? 0);
    return sum;
  }

  /** The samples from this place on, at most so many. */
  from(place: number, length: number): number[] {
    const first = Math.round(place);
    const available = Math.max(0, Math.min(length, this.count - first));
    return Array.from({ length: available }, (_, index) => this.samples[(first + index) & MASK] ?? 0);
  }
}
