/**
 * The jitter buffer of a talk. Audio waits a little before it is played, so that a late slice leaves no gap. After a
 * gap it waits longer by what the slice was late, and after a time without need less again. The two clocks of a talk
 * are never equally fast: audio that piles up is played faster, audio that runs short slower, by at most half a
 * percent, which nobody hears. So the talk is as late after an hour as in its first second.
 */

import { Fade } from "./fade";
import { HALF, RecentAudio } from "./stretch";

const PER_MS = 16; // samples
const MIN_AHEAD = 30 * PER_MS;
const MAX_AHEAD = 160 * PER_MS;
/** Allowed beyond the usual buffer, three slices; what exceeds it is dropped. */
const SPARE = 60 * PER_MS;
/** Added to a measured delay: the next one may be a little longer. */
const MARGIN = 5 * PER_MS;
/** Buffer that was there whenever a slice came, and that a steady stream needs. */
const LOW = 10 * PER_MS;
/** After this long without a gap, the buffer shrinks by what was not needed meanwhile. */
const CALM = 10_000 * PER_MS;
/** The buffer may be this much longer than wanted: it begins with whole slices, two of 20 ms for 30 ms. */
const LONG = 12 * PER_MS;
/** A buffer that is off by this much more is corrected at full speed. */
const CORRECTION = 4_000 * PER_MS;
const MAX_STRETCH = 0.005; // a twelfth of a semitone
/** Share of the newest slice in the average, so that jitter does not bend the pitch: about a second. */
const NEWEST = 0.02;
const FADE = 5 * PER_MS;

export class JitterBuffer {
  private readonly audio = new RecentAudio();
  private readonly fade = new Fade(FADE);
  /** Place that is played next. */
  private place = 0;
  private flowing = false;
  private ahead = MIN_AHEAD;
  /** Average of what is buffered when a slice has come. */
  private average = 0;
  private speed = 1;
  private gain = 0;
  private last = 0;
  /** Samples of silence since the buffer ran empty; null before the first gap and while audio flows. */
  private dry: number | null = null;
  private calm = 0;
  /** The least that was buffered when a slice came, since the buffer was last changed. */
  private low = Infinity;

  /** Milliseconds of audio that wait to be played. */
  get bufferedMs(): number {
    return this.buffered / PER_MS;
  }

  /** Milliseconds of audio that are to wait: what the network's jitter has needed so far. */
  get wantedMs(): number {
    return this.ahead / PER_MS;
  }

  push(pcm: Int16Array): void {
    if (this.dry !== null) this.learn(this.dry);
    if (this.flowing) this.low = Math.min(this.low, this.buffered);
    this.audio.add(pcm.subarray(-MAX_AHEAD));
    // a buffer that has just become shorter is played down first
    const usual = Math.min(Math.max(this.ahead, this.average - LONG), MAX_AHEAD);
    if (this.buffered > usual + SPARE) this.skip();
    if (this.flowing) this.adjust();
    else if (this.buffered >= this.ahead) this.begin();
  }

  render(output: Float32Array): void {
    // a fade may begin with this very sample
    for (let index = 0; index < output.length; index += 1) output[index] = this.next() + this.fade.next();
  }

  private get buffered(): number {
    return this.audio.end - this.place;
  }

  private next(): number {
    if (!this.flowing) {
      if (this.dry !== null) this.dry += 1;
      return 0;
    }
    if (this.buffered <= HALF) {
      this.runDry();
      return 0;
    }
    this.gain = Math.min(1, this.gain + 1 / FADE);
    this.last = this.audio.at(this.place) * this.gain;
    this.place += this.speed;
    this.calm += 1;
    if (this.calm >= CALM) this.shrink();
    return this.last;
  }

  private begin(): void {
    this.flowing = true;
    this.average = this.buffered;
    this.speed = 1;
  }

  private runDry(): void {
    this.fadeOut();
    this.place = this.audio.end;
    this.flowing = false;
    this.dry = 0;
  }

  /** A slice came late by so many samples. No buffer could bridge a longer pause, and so it teaches nothing. */
  private learn(late: number): void {
    this.dry = null;
    if (late > MAX_AHEAD) return;
    this.ahead = Math.min(this.ahead + late + MARGIN, MAX_AHEAD);
    this.measureAgain();
  }

  private shrink(): void {
    const unneeded = Math.min(this.low - LOW, this.ahead / 2);
    if (unneeded > 0) this.ahead = Math.max(this.ahead - unneeded, MIN_AHEAD);
    this.measureAgain();
  }

  private measureAgain(): void {
    this.calm = 0;
    this.low = Infinity;
  }

  private adjust(): void {
    this.average += (this.buffered - this.average) * NEWEST;
    const off = this.average - this.ahead;
    const excess = Math.max(0, off - LONG) + Math.min(0, off);
    this.speed = 1 + Math.max(-MAX_STRETCH, Math.min(MAX_STRETCH, excess / CORRECTION));
  }

  /** Drops the oldest audio: a burst must not make the talk late for the rest of the call. */
  private skip(): void {
    this.fadeOut();
    this.place = this.audio.end - this.ahead;
    this.average = this.ahead;
    this.low = Infinity;
  }

  private fadeOut(): void {
    const upcoming = this.audio.from(this.place, FADE).map((sample) => sample * this.gain);
    this.fade.begin(upcoming, this.last);
    this.gain = 0;
  }
}
