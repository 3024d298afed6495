/** The page's audio with a fake clock: the real playout and its output. */

import { Playout, type PlayoutReport } from "../src/voice/playout";
import type { PlayerOutput } from "../src/voice/player";
import type { SendToPlayout } from "../src/voice/playout-node";

export const RATE = 48_000;
const QUANTUM = 128; // samples per callback

export class FakeOutput implements PlayerOutput {
  heard: number[] = [];
  outputLatency = 0;
  private playout: Playout | null = null;

  get context(): PlayerOutput["context"] {
    return { sampleRate: RATE, outputLatency: this.outputLatency, decodeAudioData: decode };
  }

  openPlayout(onReport: (report: PlayoutReport) => void): Promise<SendToPlayout> {
    const playout = new Playout(RATE, onReport);
    this.playout = playout;
    return Promise.resolve((command) => {
      playout.execute(structuredClone(command));
    });
  }

  /** Advances the clock and returns the output of that time. */
  play(ms: number): number[] {
    const output = new Float32Array(QUANTUM);
    const from = this.heard.length;
    for (let left = (ms * RATE) / 1_000; left > 0; left -= QUANTUM) {
      output.fill(0);
      this.playout?.render(output);
      this.heard.push(...output);
    }
    return this.heard.slice(from);
  }
}

/** A file's first byte is its length in tenths of a second, the second its loudness in hundredths; 0 can't be decoded. */
async function decode(file: ArrayBuffer): Promise<AudioBuffer> {
  const [tenths = 0, loudness = 50] = new Uint8Array(file);
  if (tenths === 0) throw new Error("no audio");
  const samples = new Float32Array((tenths * RATE) / 10).fill(loudness / 100);
  return Promise.resolve({ getChannelData: () => samples } as unknown as AudioBuffer);
}

/** Waits until everything that was started is done. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

/** Milliseconds of audible output. */
export function soundMs(samples: readonly number[]): number {
  return (1_000 * samples.filter((sample) => Math.abs(sample) > 1e-3).length) / RATE;
}
