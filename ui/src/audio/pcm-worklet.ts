/** Collects samples on the audio thread and posts them as slices of PCM16, little-endian. */

interface NodeOptions {
  processorOptions: { sliceSamples: number };
}

class Pcm16Processor extends AudioWorkletProcessor {
  private readonly samples: Int16Array<ArrayBuffer>;
  private length = 0;

  constructor({ processorOptions }: NodeOptions) {
    super();
    this.samples = new Int16Array(processorOptions.sliceSamples);
    this.port.onmessage = () => {
      this.post();
      this.port.postMessage("flushed");
    };
  }

  process(inputs: Float32Array[][]): boolean {
    for (const sample of inputs[0]?.[0] ?? []) {
      this.samples[this.length] = Math.max(-1, Math.min(1, sample)) * 0x7fff;
      this.length += 1;
      if (this.length === this.samples.length) this.post();
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
