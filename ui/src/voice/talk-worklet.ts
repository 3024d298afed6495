/**
 * The jitter buffer of a talk, on the audio thread: plays PCM16 slices. It waits a little before it starts, so that a
 * late slice leaves no gap. The wait doubles after each gap and shrinks after a time without one. Excess audio is
 * dropped, so that the talk is never late for the rest of the call.
 */

const PER_MS = 16; // samples
const MIN_AHEAD = 30 * PER_MS;
const MAX_AHEAD = 160 * PER_MS;
/** Allowed beyond the wanted buffer: a slice and a half. */
const SPARE = 30 * PER_MS;
/** After this long without a gap the buffer is halved. */
const CALM = 5_000 * PER_MS;
const FULL_SCALE = 0x8000;

class TalkProcessor extends AudioWorkletProcessor {
  private readonly slices: Int16Array[] = [];
  private waiting = 0;
  /** Samples of the first slice that were played. */
  private played = 0;
  private flowing = false;
  private ahead = MIN_AHEAD;
  private sinceGap = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      const slice = new Int16Array(data);
      this.slices.push(slice);
      this.waiting += slice.length;
      if (this.waiting > 2 * this.ahead + SPARE) this.drop(this.waiting - this.ahead);
      if (this.waiting >= this.ahead) this.flowing = true;
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const output = outputs[0]?.[0];
    if (!output) return true;
    for (let index = 0; index < output.length && this.flowing; index += 1) output[index] = this.next();
    return true;
  }

  private next(): number {
    const slice = this.slices[0];
    if (!slice) {
      this.flowing = false;
      this.ahead = Math.min(2 * this.ahead, MAX_AHEAD);
      this.sinceGap = 0;
      return 0;
    }
    const sample = slice[this.played] ?? 0;
    this.drop(1);
    this.sinceGap += 1;
    if (this.sinceGap % CALM === 0) this.ahead = Math.max(this.ahead / 2, MIN_AHEAD);
    return sample / FULL_SCALE;
  }

  private drop(count: number): void {
    this.waiting -= count;
    this.played += count;
    while (this.slices[0] && this.played >= this.slices[0].length) {
      this.played -= this.slices[0].length;
      this.slices.shift();
    }
  }
}

registerProcessor("talk", TalkProcessor);
