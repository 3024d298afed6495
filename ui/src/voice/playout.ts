/**
 * The sample queue on the audio thread. It never drops or stretches a sample. It starts as soon as a little audio is
 * there or a little time has passed, waits longer after each gap within a piece, and fades whatever is cut off. All
 * sample rates are those of the audio thread; the player has resampled the audio.
 */

import { Fade } from "../audio/fade";

export type PlayoutCommand =
  /** More sound of the current piece: an answer, or a file. */
  | { type: "add"; samples: Float32Array }
  /** The piece ends: an empty buffer is not a gap now. */
  | { type: "end" }
  /** Drop everything. */
  | { type: "flush" }
  /** Pause, and continue at the same place later. */
  | { type: "hold"; on: boolean };

export interface PlayoutReport {
  /** Number of flushes; reports from before the last flush are ignored. */
  flushes: number;
  /** Samples played since the last flush. */
  played: number;
  /** `starved`: nothing has been played for a while, and the piece is not over. */
  state: "playing" | "starved" | "over";
  /** Gaps within a piece, since the page was opened. */
  underruns: number;
}

interface Entry {
  samples: Float32Array;
  isEnd: boolean;
}

/**
 * Audio to buffer before a piece starts. An answer that arrives faster than it is played has this much at once and
 * does not wait. An answer that arrives just in time gets this much against the network's jitter.
 */
const FIRST_HOLD_S = 0.06;
const MAX_HOLD_S = 0.48;

/** A caller notices longer silence, and the page shows "Thinking" again. */
const STARVED_AFTER_S = 0.3;

const REPORT_EVERY_S = 0.05;

/** Long enough not to click, short enough to sound like a stop. */
const FADE_S = 0.01;

const NOTHING = new Float32Array(0);

export class Playout {
  private queue: Entry[] = [];
  /** Samples of the first entry that were played. */
  private read = 0;
  private queued = 0;
  private ends = 0;
  private flowing = false;
  private held = false;
  private hold: number;
  /** Samples of silence since there has been something to play. */
  private waited = 0;
  /** Samples of silence since the buffer ran empty; null if every piece that has begun is over. */
  private dry: number | null = null;
  private gain = 0;
  private last = 0;
  private sinceReport = 0;
  private played = 0;
  private flushes = 0;
  private underruns = 0;
  private readonly fade: Fade;

  constructor(
    private readonly rate: number,
    private readonly onReport: (report: PlayoutReport) => void,
  ) {
    this.hold = FIRST_HOLD_S * rate;
    this.fade = new Fade(Math.round(FADE_S * rate));
  }

  execute(command: PlayoutCommand): void {
    switch (command.type) {
      case "add":
        this.queue.push({ samples: command.samples, isEnd: false });
        this.queued += command.samples.length;
        break;
      case "end":
        this.queue.push({ samples: NOTHING, isEnd: true });
        this.ends += 1;
        break;
      case "flush":
        this.flush();
        break;
      case "hold":
        this.held = command.on;
        if (command.on) this.pause();
    }
  }

  render(output: Float32Array): void {
    // a fade may begin with this very sample
    for (let index = 0; index < output.length; index += 1) output[index] = this.next() + this.fade.next();
  }

  private next(): number {
    if (this.held) return 0;
    const entry = this.current();
    return entry ? this.play(entry.samples[this.read] ?? 0) : this.beSilent();
  }

  /** The entry that is being played, or null. */
  private current(): Entry | null {
    if (!this.flowing && !this.begins()) return null;
    const entry = this.queue[0];
    this.flowing = entry !== undefined;
    if (!entry) this.runDry();
    if (!entry || this.read < entry.samples.length) return entry ?? null;
    this.dropFirst(entry);
    return this.current();
  }

  private begins(): boolean {
    return this.ends > 0 || (this.queued > 0 && Math.max(this.queued, this.waited) >= this.hold);
  }

  private play(sample: number): number {
    this.read += 1;
    this.queued -= 1;
    this.played += 1;
    this.dry = null;
    this.waited = 0;
    this.gain = Math.min(1, this.gain + 1 / (FADE_S * this.rate));
    this.sinceReport += 1;
    if (this.sinceReport >= REPORT_EVERY_S * this.rate) this.report("playing");
    return (this.last = sample * this.gain);
  }

  private beSilent(): number {
    this.gain = 0;
    if (this.queued > 0) this.waited += 1;
    if (this.dry !== null) this.dry += 1;
    if (this.dry === Math.round(STARVED_AFTER_S * this.rate)) this.report("starved");
    return 0;
  }

  private dropFirst(entry: Entry): void {
    this.queue.shift();
    this.read = 0;
    if (!entry.isEnd) return;
    this.ends -= 1;
    this.hold = FIRST_HOLD_S * this.rate;
    this.dry = null;
    // the next piece begins at once or waits like any other
    this.flowing = this.begins();
    if (!this.flowing) this.fade.begin([], this.last);
    if (this.queue.length === 0) this.report("over");
  }

  private runDry(): void {
    this.underruns += 1;
    this.hold = Math.min(2 * this.hold, MAX_HOLD_S * this.rate);
    this.waited = 0;
    this.dry = 0;
    this.fade.begin([], this.last);
  }

  private pause(): void {
    if (this.flowing) this.fade.begin(this.upcoming(), this.last);
    this.flowing = false;
    this.gain = 0;
  }

  private flush(): void {
    this.pause();
    this.queue = [];
    this.read = this.queued = this.ends = this.waited = this.played = 0;
    this.dry = null;
    this.hold = FIRST_HOLD_S * this.rate;
    this.flushes += 1;
  }

  /** The next samples, as many as a fade may need. */
  private upcoming(): number[] {
    const samples: number[] = [];
    let from = this.read;
    for (const entry of this.queue) {
      samples.push(...entry.samples.subarray(from, from + this.fade.length - samples.length));
      from = 0;
      if (samples.length === this.fade.length) break;
    }
    return samples.map((sample) => sample * this.gain);
  }

  private report(state: PlayoutReport["state"]): void {
    this.sinceReport = 0;
    const { flushes, played, underruns } = this;
    this.onReport({ flushes, played, state, underruns });
  }
}
