/**
 * Runs on the audio thread: plays PCM16 slices as they come. It waits for a little before it begins, so that a late slice
 * is no gap, and drops what has piled up, so that an answer is never late for the rest of the call.
 */

const PER_MS = 16; // samples
const AHEAD = 60 * PER_MS;
const MOST = 200 * PER_MS;
const FULL_SCALE = 0x8000;

class LineProcessor extends AudioWorkletProcessor {
  private readonly slices: Int16Array[] = [];
  private waiting = 0;
  /** Samples of the first slice that were played. */
  private played = 0;
  private flowing = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      const slice = new Int16Array(data);
      this.slices.push(slice);
      this.waiting += slice.length;
      if (this.waiting > MOST) this.drop(this.waiting - AHEAD);
      if (this.waiting >= AHEAD) this.flowing = true;
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const output = outputs[0]?.[0];
    if (!output || !this.flowing) return true;
    for (let index = 0; index < output.length; index += 1) output[index] = this.next();
    return true;
  }

  private next(): number {
    const slice = this.slices[0];
    if (!slice) {
      // it ran dry: gather a little again
      this.flowing = false;
      return 0;
    }
    const sample = slice[this.played] ?? 0;
    this.drop(1);
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

registerProcessor("line", LineProcessor);
