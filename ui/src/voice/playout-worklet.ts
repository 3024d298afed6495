/** Passes the page's commands to the playout on the audio thread, and its reports back. */

import { Playout, type PlayoutCommand } from "./playout";

class PlayoutProcessor extends AudioWorkletProcessor {
  private readonly playout = new Playout(sampleRate, (report) => {
    this.port.postMessage(report);
  });

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<PlayoutCommand>) => {
      this.playout.execute(data);
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const output = outputs[0]?.[0];
    if (output) this.playout.render(output);
    return true;
  }
}

registerProcessor("playout", PlayoutProcessor);
