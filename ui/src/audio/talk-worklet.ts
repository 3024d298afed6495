/** Plays the PCM16 slices of a talk on the audio thread, through the jitter buffer. */

import { JitterBuffer } from "./jitter-buffer";

class TalkProcessor extends AudioWorkletProcessor {
  private readonly buffer = new JitterBuffer();

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      this.buffer.push(new Int16Array(data));
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const output = outputs[0]?.[0];
    if (output) this.buffer.render(output);
    return true;
  }
}

registerProcessor("talk", TalkProcessor);
