/**
 * Plays what the server says, piece after piece: an answer that is streamed, or a complete file. What was told twice
 * (after a resume, or when a lost turn is told again) is played once; how far all of it was heard is known, so that a
 * reload can ask for the rest.
 */

import type { Announcement, AudioChunkOut, Greeting, ProcessingStart } from "../protocol.generated";
import { fromBase64 } from "../common/base64";
import { AnswerAudio, type AnswerSound, type HeardAnswer } from "./answer-audio";
import { ANSWER_RATE, type SoundFrame } from "./frames";
import type { PlayoutReport } from "./playout";
import type { SendToPlayout } from "./playout-node";

export interface SpokenFile {
  /** The same for a file told again. */
  key: string;
  turn: string | null;
  seq: number;
  audio: Uint8Array<ArrayBuffer>;
}

export interface PlayerOutput {
  readonly context: Pick<AudioContext, "sampleRate" | "outputLatency" | "decodeAudioData">;
  openPlayout: (onReport: (report: PlayoutReport) => void) => Promise<SendToPlayout>;
}

interface Sound {
  seq: number;
  /** Null while they are decoded. */
  samples: Float32Array<ArrayBuffer> | null;
  /** Position in the answer, at 24 kHz. */
  firstSample: number;
  /** Where the playout has them, in samples since its last flush; null before it has. */
  range: { start: number; end: number } | null;
}

interface Piece {
  turn: string | null;
  /** Null for a file. */
  turnNumber: number | null;
  /** What was not heard to its end. */
  sounds: Sound[];
  isComplete: boolean;
  /** The playout knows that it is complete. */
  isEnded: boolean;
}

export class Player {
  private readonly answers: AnswerAudio;
  private readonly known = new Set<string>();
  private readonly silenced = new Set<string | null>();
  private pieces: Piece[] = [];
  private playout: SendToPlayout | null = null;
  private isOpening = false;
  private isHeld = false;
  private isPlaying = false;
  private flushes = 0;
  /** Samples since the last flush that the playout was given, and has played. */
  private given = 0;
  private played = 0;

  constructor(
    private readonly output: PlayerOutput,
    private readonly onPlaying: (playing: boolean) => void,
    heard: readonly HeardAnswer[] = [],
  ) {
    this.answers = new AnswerAudio(() => output.context.sampleRate, heard);
  }

  /** A turn begins, or begins again; under another number its answer is another one, to be heard from its start. */
  begin(turn: ProcessingStart): void {
    if (this.answers.begin(turn)) this.silenced.delete(turn.turn_id);
  }

  /** Files of one turn come in the order of their index. */
  playFile({ key, turn, seq, audio }: SpokenFile): void {
    if (this.known.has(key) || this.silenced.has(turn)) return;
    this.known.add(key);
    if (audio.length === 0) return;
    const sound: Sound = { seq, samples: null, firstSample: 0, range: null };
    this.pieces.push({ turn, turnNumber: null, sounds: [sound], isComplete: true, isEnded: false });
    void this.decode(audio).then((samples) => {
      sound.samples = samples;
      this.handOver();
    });
  }

  /** The frames of one answer come in order. Returns its turn when this is the last. */
  playFrame(frame: SoundFrame): string | null {
    const sound = this.answers.receive(frame);
    if (!this.silenced.has(sound.turn)) this.playAnswer(sound);
    return sound.isLast ? sound.turn : null;
  }

  /** Drops what is queued, and whatever else comes of its turns and of these. */
  stop(turns: readonly string[]): void {
    for (const turn of turns) this.silenced.add(turn);
    for (const { turn } of this.pieces) if (turn !== null) this.silenced.add(turn);
    this.pieces = [];
    this.given = this.played = 0;
    if (this.playout) {
      this.flushes += 1;
      this.playout({ type: "flush" });
    }
    this.tell(false);
  }

  /** While held, nothing is heard: the caller is speaking. */
  hold(on: boolean): void {
    this.isHeld = on;
    this.playout?.({ type: "hold", on });
  }

  /** `seq` of the first sound that was not heard to its end. */
  get unheardSeq(): number | null {
    const seqs = this.pieces.flatMap(({ sounds }) => sounds.map(({ seq }) => seq));
    return seqs.length === 0 ? null : Math.min(...seqs);
  }

  /** How far each streamed answer was heard that was not heard to its end. */
  get heard(): HeardAnswer[] {
    return this.pieces.flatMap(({ turn, turnNumber, sounds: [next] }) =>
      turn !== null && turnNumber !== null && next ? [{ turn, turnNumber, samples: this.positionIn(next) }] : [],
    );
  }

  private playAnswer({ turn, turnNumber, seq, samples, firstSample, isLast }: AnswerSound): void {
    let piece = this.pieces.find((each) => each.turnNumber === turnNumber && !each.isComplete);
    if (!piece) {
      if (samples.length === 0) return; // the end of one that is over
      piece = { turn, turnNumber, sounds: [], isComplete: false, isEnded: false };
      this.pieces.push(piece);
    }
    piece.sounds.push({ seq, samples, firstSample, range: null });
    piece.isComplete = isLast;
    this.handOver();
  }

  private handOver(): void {
    if (!this.playout) {
      void this.open();
      return;
    }
    for (const piece of this.pieces) {
      if (!piece.sounds.every((sound) => this.give(sound))) return;
      if (piece.isComplete && !piece.isEnded) this.playout({ type: "end" });
      piece.isEnded = piece.isComplete;
      const hasStopped = !this.isPlaying && piece.sounds.length === 0;
      // what follows waits for its end, but not when it has broken off
      if (!piece.isComplete && !hasStopped) return;
    }
  }

  private async open(): Promise<void> {
    if (this.isOpening) return;
    this.isOpening = true;
    this.playout = await this.output.openPlayout((report) => {
      this.receive(report);
    });
    this.hold(this.isHeld);
    this.handOver();
  }

  /** False while it is not there yet. */
  private give(sound: Sound): boolean {
    if (sound.range) return true;
    const { samples } = sound;
    if (!samples) return false;
    sound.range = { start: this.given, end: this.given + samples.length };
    this.given = sound.range.end;
    sound.samples = null; // their memory goes to the audio thread
    if (sound.range.end > sound.range.start) {
      this.playout?.({ type: "add", samples });
      this.tell(true);
    }
    return true;
  }

  private receive({ flushes, played, state }: PlayoutReport): void {
    if (flushes !== this.flushes) return;
    this.played = played;
    for (const piece of this.pieces) piece.sounds = piece.sounds.filter(({ range }) => !range || range.end > played);
    this.pieces = this.pieces.filter(({ sounds, isEnded }) => sounds.length > 0 || !isEnded);
    if (state === "playing" || played < this.given) return;
    this.tell(false);
    this.handOver();
  }

  private tell(playing: boolean): void {
    if (playing === this.isPlaying) return;
    this.isPlaying = playing;
    this.onPlaying(playing);
  }

  private positionIn({ firstSample, range }: Sound): number {
    const { sampleRate, outputLatency } = this.output.context;
    const ahead = range ? this.played - range.start : 0;
    // what the device holds was played, but not heard
    return ahead <= 0
      ? firstSample
      : Math.max(0, Math.round(firstSample + (ahead / sampleRate - outputLatency) * ANSWER_RATE));
  }

  /** Nothing of what is no audio: the answer can still be read, and the next file be heard. */
  private async decode(audio: Uint8Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    try {
      const decoded = await this.output.context.decodeAudioData(audio.buffer);
      return decoded.getChannelData(0).slice();
    } catch {
      return new Float32Array(0);
    }
  }
}

export function spokenFile(message: AudioChunkOut | Greeting | Announcement): SpokenFile {
  const ofTurn = message.type === "audio_chunk";
  return {
    key: ofTurn ? `${message.turn_id}/${message.chunk_index}` : `${message.type}/${message.session_id}/${message.seq}`,
    turn: ofTurn ? message.turn_id : null,
    seq: message.seq,
    audio: fromBase64(message.data_b64 ?? ""),
  };
}
