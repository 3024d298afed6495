/**
 * The audio of one side of a talk, a caller's or a desk's. The microphone is sent without a pause, and incoming audio
 * is played through the jitter buffer. PCM16, 16 kHz, mono, in both directions.
 */

import { Microphone, MicrophoneError, type MicFault } from "./microphone";
import pcmWorkletUrl from "./pcm-worklet.ts?worker&url";
import talkWorkletUrl from "./talk-worklet.ts?worker&url";

export interface TalkCallbacks {
  /** The next 20 ms from the microphone; silence while it is muted. */
  onSlice: (pcm: ArrayBuffer) => void;
  onFault: (fault: MicFault) => void;
  /** True if the browser lets the page play and record only after a gesture. */
  onBlocked: (blocked: boolean) => void;
}

interface Speaker {
  worklet: AudioWorkletNode;
  volume: GainNode;
}

const RATE = 16_000;
const SLICE_SAMPLES = 320; // 20 ms, as on a telephone line
/** An audio device starts within this time, unless the browser waits for a gesture. */
const START_MS = 500;

export class TalkAudio {
  private readonly microphone: Microphone;
  private wanted = false;
  private muted = false;
  private loudness = 1;
  private context: AudioContext | null = null;
  private speaker: Speaker | null = null;
  private opening = Promise.resolve();
  private starting: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly callbacks: TalkCallbacks) {
    this.microphone = new Microphone(() => {
      callbacks.onFault("lost");
    });
  }

  /** Opens the microphone before the talk. Returns false, and reports why, if it can't be used. */
  async openMicrophone(): Promise<boolean> {
    return (await this.requestMicrophone()) !== null;
  }

  /** Closes a microphone that was opened before a talk which did not begin. */
  closeMicrophone(): void {
    if (!this.wanted) this.microphone.close();
  }

  /** Starts or ends the audio; if muted, the other side hears silence. */
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

  /** Plays audio from the other side. */
  play(pcm: Int16Array): void {
    const slice = pcm.slice().buffer;
    this.speaker?.worklet.port.postMessage(slice, [slice]);
  }

  /** Call this from a gesture: from then on the browser allows sound. */
  unblock(): void {
    if (this.context?.state !== "suspended") return;
    this.context.resume().catch(() => undefined); // the next gesture tries again
  }

  private async start(): Promise<void> {
    try {
      this.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
      this.watch(this.context);
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
    clearTimeout(this.starting);
    this.callbacks.onBlocked(false);
    this.microphone.close();
    await context?.close();
  }

  private watch(context: AudioContext): void {
    const report = () => {
      if (context === this.context) this.callbacks.onBlocked(context.state === "suspended");
    };
    this.starting = setTimeout(report, START_MS);
    context.addEventListener("statechange", report);
  }

  private async connect(context: AudioContext): Promise<void> {
    await Promise.all([talkWorkletUrl, pcmWorkletUrl].map((url) => context.audioWorklet.addModule(url)));
    const worklet = new AudioWorkletNode(context, "talk", { numberOfInputs: 0 });
    const volume = context.createGain();
    volume.gain.value = this.loudness;
    worklet.connect(volume).connect(context.destination);
    this.speaker = { worklet, volume };
    // without a microphone the person can still listen
    const stream = await this.requestMicrophone();
    if (!stream) return;
    this.listen(context, stream);
    this.unblock(); // without a gesture, browsers let a page play only once it records
  }

  private listen(context: AudioContext, stream: MediaStream): void {
    const processorOptions = { sliceSamples: SLICE_SAMPLES };
    const worklet = new AudioWorkletNode(context, "pcm16", { numberOfOutputs: 0, processorOptions });
    worklet.port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      if (this.wanted) this.callbacks.onSlice(this.muted ? new ArrayBuffer(data.byteLength) : data);
    };
    context.createMediaStreamSource(stream).connect(worklet);
  }

  private async requestMicrophone(): Promise<MediaStream | null> {
    try {
      return await this.microphone.open();
    } catch (error) {
      this.callbacks.onFault(error instanceof MicrophoneError ? error.fault : "in_use");
      return null;
    }
  }
}
