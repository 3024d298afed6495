/**
 * Brings sound that comes piece by piece to another sample rate, as one continuous signal: a windowed sinc with one set
 * of taps for each position that a sample of the one rate can have between two of the other.
 */

/** Samples on each side that make one; with 16 the mirror images of 9 and 10 kHz are 59 dB below them, measured. */
const HALF = 16;

/** Of the lower rate's band; the rest is where the filter falls. */
const PASS = 0.94;

export class Resampler {
  private readonly up: number;
  private readonly down: number;
  private readonly taps: readonly Float32Array[];
  /** What the next samples are made of, beginning with what came before. */
  private source = new Float32Array(HALF - 1);
  /** Position of the next sample, in parts (`up` of them are one sample of the source) from the first that is kept. */
  private position = 0;

  constructor(from: number, to: number) {
    const shared = greatestCommonDivisor(from, to);
    this.up = to / shared;
    this.down = from / shared;
    const band = PASS * Math.min(1, to / from);
    this.taps = Array.from({ length: this.up }, (_, phase) => tapsAt(phase / this.up, band));
  }

  /** As many samples as can be made so far; unless they are the last ones, the end of `samples` waits for what follows. */
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

/** For a sample that lies `offset` of a source sample behind the one at `HALF - 1`. */
function tapsAt(offset: number, band: number): Float32Array {
  const taps = Float32Array.from({ length: 2 * HALF }, (_, tap) => {
    const distance = tap - (HALF - 1) - offset;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / HALF);
    return sinc(band * distance) * window;
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
