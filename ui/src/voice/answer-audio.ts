/**
 * The streamed answers of a call. Finds the turn of each frame and its new samples, at the sample rate of the page's
 * audio. An answer that a server sends again from its start continues where the page has it, unless its turn has
 * another number: then it is another answer.
 */

import type { ProcessingStart } from "../protocol.generated";
import { ANSWER_RATE, type SoundFrame } from "./frames";
import { Resampler } from "./resampler";

/** A piece of an answer that is new to the page. */
export interface AnswerSound {
  turn: string;
  turnNumber: number;
  seq: number;
  /** At the rate of the page's audio. */
  samples: Float32Array<ArrayBuffer>;
  /** Position of the first sample in the answer, at 24 kHz. */
  firstSample: number;
  isLast: boolean;
}

/** How much of an unfinished answer was played, to continue there after a reload. */
export interface HeardAnswer {
  turn: string;
  turnNumber: number;
  /** At 24 kHz. */
  samples: number;
}

interface Answer {
  /** The next sample that the page lacks. */
  next: number;
  resampler: Resampler | null;
}

const FULL_SCALE = 0x8000;

export class AnswerAudio {
  private readonly turns = new Map<number, string>();
  private readonly answers = new Map<number, Answer>();

  /** `rate` returns the sample rate of the page's audio. It is called at the first answer, when audio may be open. */
  constructor(
    private readonly rate: () => number,
    heard: readonly HeardAnswer[],
  ) {
    for (const { turn, turnNumber, samples } of heard) {
      this.turns.set(turnNumber, turn);
      this.answers.set(turnNumber, { next: samples, resampler: null });
    }
  }

  /** Assigns frames with this number to the turn. Returns true if no frame of it can have arrived yet. */
  begin({ turn_id: turn, turn_number: number }: ProcessingStart): boolean {
    if (this.turns.get(number) === turn) return false;
    this.turns.set(number, turn);
    this.answers.delete(number);
    return true;
  }

  receive(frame: SoundFrame): AnswerSound {
    const { turnNumber } = frame;
    const turn = this.turns.get(turnNumber) ?? `number ${turnNumber}`;
    const answer = this.answers.get(turnNumber) ?? { next: frame.firstSample, resampler: null };
    this.answers.set(turnNumber, answer);
    const firstSample = Math.max(frame.firstSample, answer.next);
    const fresh = frame.pcm.subarray(firstSample - frame.firstSample);
    answer.next = firstSample + fresh.length;
    const samples = this.resampled(answer, fresh, frame.isLast);
    return { turn, turnNumber, seq: frame.seq, samples, firstSample, isLast: frame.isLast };
  }

  private resampled(answer: Answer, pcm: Int16Array, isLast: boolean): Float32Array<ArrayBuffer> {
    answer.resampler ??= new Resampler(ANSWER_RATE, this.rate());
    const samples = answer.resampler.push(
      Float32Array.from(pcm, (sample) => sample / FULL_SCALE),
      isLast,
    );
    if (isLast) answer.resampler = null;
    return samples;
  }
}
