/** Runs on the audio thread: collects samples and posts them as PCM16 little-endian, a slice of 250 ms at a time. */

interface WorkletBase {
  readonly port: MessagePort;
}

// the audio thread's globals, which TypeScript's DOM library does not have
declare const AudioWorkletProcessor: new () => WorkletBase;
declare function registerProcessor(name: string, processor: new () => WorkletBase): void;

const SLICE_SAMPLES = 4_000; // 250 ms at 16 kHz

class Pcm16Processor extends AudioWorkletProcessor {
  private samples = new Int16Array(SLICE_SAMPLES);
  private length = 0;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.post();
      this.port.postMessage("flushed");
    };
  }

  process(inputs: Float32Array[][]): boolean {
    for (const sample of inputs[0]?.[0] ?? []) {
      this.samples[this.length] = Math.max(-1, Math.min(1, sample)) * 0x7fff;
      this.length += 1;
      if (this.length === SLICE_SAMPLES) this.post();
    }
    return true;
  }

  private post(): void {
    const slice = this.samples.slice(0, this.length);
    this.length = 0;
    this.port.postMessage(slice.buffer, [slice.buffer]);
  }
}

registerProcessor("pcm16", Pcm16Processor);
