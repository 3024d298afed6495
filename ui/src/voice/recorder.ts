/** Records one utterance at a time and detects recordings that were stopped too early. */

import { Microphone, MicrophoneError, type MicFault } from "../audio/microphone";
import { captureFormat, startCapture, type Capture } from "./capture";
import type { AudioFormat } from "./outbox";

export interface RecorderListener {
  /** Starts an utterance and returns its id. */
  onStart: (format: AudioFormat, stream: MediaStream) => string;
  onSlice: (utterance: string, slice: Uint8Array) => void;
  onFinish: (utterance: string) => void;
  onFault: (fault: MicFault) => void;
  /** The microphone became ready only after the caller had released the button. */
  onTooLate: () => void;
  onFull: () => void;
}

/** The server's default limit (CONVONET_MAX_UTTERANCE_S); with PCM16 that is 1 MB. */
const MAX_RECORDING_MS = 30_000;

export class Recorder {
  private wanted = false;
  /** One utterance is complete before the next begins. */
  private ending = Promise.resolve();
  private current: { utterance: string; capture: Capture } | null = null;
  private limit: ReturnType<typeof setTimeout> | undefined;
  private readonly microphone: Microphone;

  constructor(private readonly listener: RecorderListener) {
    this.microphone = new Microphone(() => {
      listener.onFault("lost");
      void this.stop();
    });
  }

  /** Opens the microphone before the first utterance, if that works without asking the caller. */
  async warmUp(): Promise<void> {
    if (await Microphone.isAllowed()) await this.openMicrophone();
  }

  async start(): Promise<void> {
    if (this.wanted) return;
    this.wanted = true;
    const format = captureFormat();
    if (!format) this.listener.onFault("unsupported");
    const stream = format && (await this.openMicrophone());
    await this.ending;
    if (!format || !stream) this.wanted = false;
    else if (!this.isWanted()) this.listener.onTooLate();
    else await this.record(format, stream);
  }

  /** Ends the utterance: it is complete when `onFinish` is called. */
  stop(): Promise<void> {
    return this.end((utterance) => {
      this.listener.onFinish(utterance);
    });
  }

  /** Drops the utterance. */
  abort(): Promise<void> {
    return this.end(() => undefined);
  }

  release(): void {
    void this.abort();
    this.microphone.close();
  }

  private async record(format: AudioFormat, stream: MediaStream): Promise<void> {
    const utterance = this.listener.onStart(format, stream);
    const capture = await startCapture(format, stream, (slice) => {
      this.listener.onSlice(utterance, slice);
    });
    this.current = { utterance, capture };
    this.limit = setTimeout(() => {
      this.listener.onFull();
      void this.stop();
    }, MAX_RECORDING_MS);
    if (!this.isWanted()) await this.stop();
  }

  private end(then: (utterance: string) => void): Promise<void> {
    this.wanted = false;
    clearTimeout(this.limit);
    const ended = this.current;
    if (!ended) return this.ending;
    this.current = null;
    this.ending = ended.capture.stop().then(() => {
      then(ended.utterance);
    });
    return this.ending;
  }

  private async openMicrophone(): Promise<MediaStream | null> {
    try {
      return await this.microphone.open();
    } catch (error) {
      this.listener.onFault(error instanceof MicrophoneError ? error.fault : "in_use");
      return null;
    }
  }

  /** Checked after each await: the caller may have released the button. */
  private isWanted(): boolean {
    return this.wanted;
  }
}
