/** A fake audio thread. Import it before the worklets, which use its globals and register with it. */

type Processor = AudioWorkletProcessorBase & {
  process: (inputs: Float32Array[][], outputs: Float32Array[][]) => boolean;
};

const QUANTUM = 128; // samples per callback

class FakePort {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly posted: unknown[] = [];

  postMessage(data: unknown): void {
    this.posted.push(data);
  }
}

const registered = new Map<string, new (node: unknown) => Processor>();

/** Sample rate of the audio thread. */
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

  /** Messages to the page. */
  get posted(): readonly unknown[] {
    return this.port.posted;
  }

  /** Delivers a message from the page. */
  post(data: unknown): void {
    this.port.onmessage?.({ data });
  }

  /** Returns the samples of the next callbacks. */
  play(times = 1): number[] {
    return Array.from({ length: times }).flatMap(() => {
      const output = new Float32Array(QUANTUM);
      this.processor.process([], [[output]]);
      return [...output];
    });
  }

  /** Feeds samples of the microphone, or nothing if none is connected. */
  feed(...samples: number[]): void {
    this.processor.process([samples.length > 0 ? [Float32Array.from(samples)] : []], []);
  }

  private get port(): FakePort {
    return this.processor.port as unknown as FakePort;
  }
}
