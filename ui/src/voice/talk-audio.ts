/**
 * The caller's audio in a talk with a human. The microphone is sent without a pause, and incoming audio is played
 * through a small jitter buffer. PCM16, 16 kHz, mono, in both directions.
 */

import { talkFrame } from "./frames";
import talkWorkletUrl from "./talk-worklet.ts?worker&url";
import { Microphone, MicrophoneError } from "./microphone";
import pcmWorkletUrl from "./pcm-worklet.ts?worker&url";
import type { MicFault } from "./state";

export interface TalkCallbacks {
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

export class TalkAudio {
  private readonly microphone: Microphone;
  private wanted = false;
  private muted = false;
  private loudness = 1;
  private context: AudioContext | null = null;
  private speaker: Speaker | null = null;
  private opening = Promise.resolve();

  constructor(private readonly callbacks: TalkCallbacks) {
    this.microphone = new Microphone(() => {
      callbacks.onFault("lost");
    });
  }

  /** Starts or ends the audio; if muted, the human hears silence. */
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

  /** Plays audio from the human. */
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
      this.callbacks.onFault("unsupported");
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
    await Promise.all([talkWorkletUrl, pcmWorkletUrl].map((url) => context.audioWorklet.addModule(url)));
    const worklet = new AudioWorkletNode(context, "talk", { numberOfInputs: 0 });
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
      if (this.wanted) this.callbacks.send(talkFrame(this.muted ? new ArrayBuffer(data.byteLength) : data, position));
      position += SLICE_SAMPLES;
    };
    context.createMediaStreamSource(stream).connect(worklet);
  }

  private async openMicrophone(): Promise<MediaStream | null> {
    try {
      return await this.microphone.open();
    } catch (error) {
      this.callbacks.onFault(error instanceof MicrophoneError ? error.fault : "in_use");
      return null;
    }
  }
}
