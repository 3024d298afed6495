/** The caller's side of a call: recordings, typed text, and utterances that have no answer yet. */

import type { AnyClientMessage, AnyServerMessage, ErrorMessage } from "../protocol.generated";
import { Outbox, type StoredUtterance } from "./outbox";
import { Recorder } from "./recorder";
import type { Action } from "./state";
import { TEXT } from "./words";

export interface CallerParts {
  dispatch: (action: Action) => void;
  send: (message: AnyClientMessage) => boolean;
  /** Called when recording starts on a stream, and with null when it ends. */
  onStream: (stream: MediaStream | null) => void;
}

/** Errors that refuse a whole utterance but name neither it nor its turn. */
const REFUSALS: readonly ErrorMessage["code"][] = [
  "busy",
  "recording_too_short",
  "utterance_too_long",
  "bad_audio",
  "no_speech",
  "bad_field",
];

export class Caller {
  private readonly outbox: Outbox;
  private readonly recorder: Recorder;
  private recording: string | null = null;

  constructor(
    private readonly parts: CallerParts,
    unanswered: readonly StoredUtterance[] = [],
  ) {
    this.outbox = new Outbox(parts.send);
    this.outbox.restore(unanswered);
    this.recorder = this.makeRecorder();
  }

  /** Utterances that the server has not answered. */
  get unanswered(): StoredUtterance[] {
    return this.outbox.stored;
  }

  startTalking(): void {
    this.parts.dispatch({ type: "mic_fault", fault: null });
    void this.recorder.start();
  }

  stopTalking(): void {
    void this.recorder.stop();
  }

  sendText(text: string): void {
    const utterance = this.outbox.type(text);
    this.parts.dispatch({ type: "said", utterance, text, now: Date.now() });
  }

  /** Drops unanswered utterances, except one that is being recorded. */
  dropUnanswered(): void {
    this.outbox.clear();
  }

  dropRecording(): void {
    if (this.recording !== null) this.outbox.discard(this.recording);
    void this.recorder.abort();
    this.endRecording();
  }

  /** Sends again what the server may lack, and opens the microphone. Call it on a live session. */
  resume(pendingUtterance: string | null): void {
    this.outbox.resend(pendingUtterance);
    void this.recorder.warmUp();
  }

  releaseMicrophone(): void {
    this.recorder.release();
  }

  /** Drops utterances that a server message has made unnecessary. */
  handle(message: AnyServerMessage): void {
    if (message.type === "audio_ack") this.outbox.acknowledged(message.utterance_id, message.sequence);
    else if (message.type === "processing_start") this.outbox.started(message.utterance_id ?? "", message.turn_id);
    else if (message.type === "transcript_final") this.outbox.recognized(message.turn_id, message.text);
    else if (message.type === "agent_final") this.outbox.answered(message.turn_id);
    else if (message.type === "error") this.handleError(message);
  }

  private handleError(error: ErrorMessage): void {
    if (error.turn_id) {
      this.outbox.answered(error.turn_id);
    } else if (error.code === "utterance_too_long" && this.recording !== null) {
      this.dropRecording();
    } else if (REFUSALS.includes(error.code)) {
      const utterance = this.outbox.refused();
      if (utterance !== null) this.parts.dispatch({ type: "refused", utterance });
    }
  }

  private endRecording(): void {
    this.recording = null;
    this.parts.onStream(null);
    this.parts.dispatch({ type: "recording", on: false });
  }

  private notice(text: string): void {
    this.parts.dispatch({ type: "notice", key: `notice/${Date.now()}`, text });
  }

  private makeRecorder(): Recorder {
    const { dispatch, onStream } = this.parts;
    return new Recorder({
      onStart: (format, stream) => {
        this.recording = this.outbox.begin(format);
        dispatch({ type: "recording", on: true });
        onStream(stream);
        return this.recording;
      },
      onSlice: (utterance, slice) => {
        this.outbox.addSlice(utterance, slice);
      },
      onFinish: (utterance) => {
        this.outbox.finish(utterance);
        dispatch({ type: "said", utterance, text: null, now: Date.now() });
        this.endRecording();
      },
      onFault: (fault) => {
        dispatch({ type: "mic_fault", fault });
      },
      onTooLate: () => {
        this.notice(TEXT.holdAgain);
      },
      onFull: () => {
        this.notice(TEXT.recordingFull);
      },
    });
  }
}
