/** The audio thread, played: import it before the worklets, which find its globals and register with it. */

type Processor = AudioWorkletProcessorBase & {
  process: (inputs: Float32Array[][], outputs: Float32Array[][]) => boolean;
};

const QUANTUM = 128; // samples that are asked for at once

class FakePort {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly posted: unknown[] = [];

  postMessage(data: unknown): void {
    this.posted.push(data);
  }
}

const registered = new Map<string, new (node: unknown) => Processor>();

/** Of the audio thread, samples a second. */
export const RATE = 48_000;

Object.assign(globalThis, {
  sampleRate: RATE,
  AudioWorkletProcessor: class {
    readonly port = new FakePort();
  },
  registerProcessor: (name: string, processor: new (node: unknown) => Processor) => registered.set(name, processor),
});

/** A node of the audio thread, seen from both of its sides. */
export class Worklet {
  private readonly processor: Processor;

  constructor(name: string, processorOptions: Record<string, unknown> = {}) {
    const made = registered.get(name);
    if (!made) throw new Error(`no worklet is called ${name}`);
    this.processor = new made({ processorOptions });
  }

  /** What it has told the page. */
  get posted(): readonly unknown[] {
    return this.port.posted;
  }

  /** The page tells it something. */
  tell(data: unknown): void {
    this.port.onmessage?.({ data });
  }

  /** What it plays next, as many samples as the browser asks for at once, times so many. */
  play(times = 1): number[] {
    return Array.from({ length: times }).flatMap(() => {
      const output = new Float32Array(QUANTUM);
      this.processor.process([], [[output]]);
      return [...output];
    });
  }

  /** The microphone, or nothing when none is connected. */
  hear(...samples: number[]): void {
    this.processor.process([samples.length > 0 ? [Float32Array.from(samples)] : []], []);
  }

  private get port(): FakePort {
    return this.processor.port as unknown as FakePort;
  }
}
