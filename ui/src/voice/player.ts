/**
 * Plays streamed answers and complete files, one after the other. Audio that is sent twice (after a resume, or when a
 * turn is repeated) is played once. The player knows how much was played, so that a reload can ask for the rest.
 */

import type { Announcement, AudioChunkOut, Greeting, ProcessingStart } from "../protocol.generated";
import { fromBase64 } from "../common/base64";
import { AnswerAudio, type AnswerSound, type HeardAnswer } from "./answer-audio";
import { ANSWER_RATE, type SoundFrame } from "./frames";
import type { PlayoutReport } from "./playout";
import type { SendToPlayout } from "./playout-node";

export interface SpokenFile {
  /** Identifies a file that is sent again. */
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
  /** Position in the playout, in samples since its last flush; null before they were passed to it. */
  range: { start: number; end: number } | null;
}

interface Piece {
  turn: string | null;
  /** Null for a file. */
  turnNumber: number | null;
  /** Sounds that were not played to their end. */
  sounds: Sound[];
  isComplete: boolean;
  /** The playout was told that the piece is complete. */
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
  /** Samples since the last flush that were passed to the playout, and that it has played. */
  private given = 0;
  private played = 0;

  constructor(
    private readonly output: PlayerOutput,
    private readonly onPlaying: (playing: boolean) => void,
    heard: readonly HeardAnswer[] = [],
  ) {
    this.answers = new AnswerAudio(() => output.context.sampleRate, heard);
  }

  /** A turn begins or is repeated. With another number it is a different answer, which is played from its start. */
  begin(turn: ProcessingStart): void {
    if (this.answers.begin(turn)) this.silenced.delete(turn.turn_id);
  }

  /** Plays a file; the files of one turn arrive in the order of their index. */
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

  /** Plays a frame; the frames of one answer arrive in order. Returns the turn if this is the last one. */
  playFrame(frame: SoundFrame): string | null {
    const sound = this.answers.receive(frame);
    if (!this.silenced.has(sound.turn)) this.playAnswer(sound);
    return sound.isLast ? sound.turn : null;
  }

  /** Drops queued audio, and later audio of its turns and of `turns`. */
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

  /** Pauses playback while the caller is speaking. */
  hold(on: boolean): void {
    this.isHeld = on;
    this.playout?.({ type: "hold", on });
  }

  /** `seq` of the first sound that was not played to its end. */
  get unheardSeq(): number | null {
    const seqs = this.pieces.flatMap(({ sounds }) => sounds.map(({ seq }) => seq));
    return seqs.length === 0 ? null : Math.min(...seqs);
  }

  /** How much was played of each streamed answer that was not played to its end. */
  get heard(): HeardAnswer[] {
    return this.pieces.flatMap(({ turn, turnNumber, sounds: [next] }) =>
      turn !== null && turnNumber !== null && next ? [{ turn, turnNumber, samples: this.positionIn(next) }] : [],
    );
  }

  private playAnswer({ turn, turnNumber, seq, samples, firstSample, isLast }: AnswerSound): void {
    let piece = this.pieces.find((each) => each.turnNumber === turnNumber && !each.isComplete);
    if (!piece) {
      if (samples.length === 0) return; // the end of an answer that is over
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
      // the next sound waits for the end of this one, unless this one has broken off
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

  /** Returns false while the sound has not arrived yet. */
  private give(sound: Sound): boolean {
    if (sound.range) return true;
    const { samples } = sound;
    if (!samples) return false;
    sound.range = { start: this.given, end: this.given + samples.length };
    this.given = sound.range.end;
    sound.samples = null; // the buffer is transferred to the audio thread
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
    // audio in the device's buffer counts as played but was not heard
    return ahead <= 0
      ? firstSample
      : Math.max(0, Math.round(firstSample + (ahead / sampleRate - outputLatency) * ANSWER_RATE));
  }

  /** Skips a file that can't be decoded: the answer can still be read. */
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
