/**
 * The caller's end of a talk with a human: the microphone goes out without a pause, and what comes in is played through a
 * small buffer that evens out the network. PCM16, 16 kHz, mono, both ways.
 */

import { talkFrame } from "./frames";
import lineWorkletUrl from "./line-worklet.ts?worker&url";
import { Microphone, MicrophoneError } from "./microphone";
import pcmWorkletUrl from "./pcm-worklet.ts?worker&url";
import type { MicFault } from "./state";

export interface LineEnds {
  /** A binary frame for the server. */
  send: (frame: ArrayBuffer) => void;
  onFault: (fault: MicFault) => void;
}

interface Speaker {
  worklet: AudioWorkletNode;
  volume: GainNode;
}

const RATE = 16_000;
const SLICE_SAMPLES = 320; // 20 ms, as on a telephone line

export class HumanLine {
  private readonly microphone: Microphone;
  private wanted = false;
  private muted = false;
  private loudness = 1;
  private context: AudioContext | null = null;
  private speaker: Speaker | null = null;
  private opening = Promise.resolve();

  constructor(private readonly ends: LineEnds) {
    this.microphone = new Microphone(() => {
      ends.onFault("lost");
    });
  }

  /** Opens or closes the line; muted, the human hears silence. */
  set(on: boolean, muted: boolean): void {
    this.muted = muted;
    if (on === this.wanted) return;
    this.wanted = on;
    this.opening = this.opening.then(() => (on ? this.start() : this.stop()));
  }

  setVolume(volume: number): void {
    this.loudness = volume;
    if (this.speaker) this.speaker.volume.gain.value = volume;
  }

  /** Lets the caller hear what came over the line. */
  play(pcm: Int16Array): void {
    const slice = pcm.slice().buffer;
    this.speaker?.worklet.port.postMessage(slice, [slice]);
  }

  private async start(): Promise<void> {
    try {
      this.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
      await this.connect(this.context);
    } catch {
      // the next talk may try again
      this.ends.onFault("unsupported");
      await this.stop();
    }
  }

  private async stop(): Promise<void> {
    const { context } = this;
    this.context = this.speaker = null;
    this.microphone.close();
    await context?.close();
  }

  private async connect(context: AudioContext): Promise<void> {
    await Promise.all([lineWorkletUrl, pcmWorkletUrl].map((url) => context.audioWorklet.addModule(url)));
    const worklet = new AudioWorkletNode(context, "line", { numberOfInputs: 0 });
    const volume = context.createGain();
    volume.gain.value = this.loudness;
    worklet.connect(volume).connect(context.destination);
    this.speaker = { worklet, volume };
    // without a microphone the caller can still listen
    const stream = await this.openMicrophone();
    if (stream) this.listen(context, stream);
  }

  private listen(context: AudioContext, stream: MediaStream): void {
    const processorOptions = { sliceSamples: SLICE_SAMPLES };
    const worklet = new AudioWorkletNode(context, "pcm16", { numberOfOutputs: 0, processorOptions });
    let position = 0;
    worklet.port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      if (this.wanted) this.ends.send(talkFrame(this.muted ? new ArrayBuffer(data.byteLength) : data, position));
      position += SLICE_SAMPLES;
    };
    context.createMediaStreamSource(stream).connect(worklet);
  }

  private async openMicrophone(): Promise<MediaStream | null> {
    try {
      return await this.microphone.open();
    } catch (error) {
      this.ends.onFault(error instanceof MicrophoneError ? error.fault : "in_use");
      return null;
    }
  }
}
