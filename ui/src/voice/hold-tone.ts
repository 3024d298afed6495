/** A quiet synthesized tone while the caller waits, so that silence is not mistaken for a dead connection. */

import type { SpeakerOutput } from "./speaker-output";
import { mood, type State } from "./state";

/** Most answers arrive earlier, and then no tone is played. */
const AFTER_S = 1;
const FADE_IN_S = 0.8;
const FADE_OUT_S = 0.08;
const LOUDNESS = 0.03; // about 30 dB below speech
const CHORD_HZ = [294, 440] as const;
const BREATH_HZ = 0.4;

/** Whether the caller waits for an answer or a human, and nobody speaks. */
export function isHeld(state: State): boolean {
  const now = mood(state);
  return now === "thinking" || now === "waiting";
}

export class HoldTone {
  private tone: { gain: GainNode; sources: OscillatorNode[] } | null = null;

  constructor(private readonly output: Pick<SpeakerOutput, "context" | "destination">) {}

  set(on: boolean): void {
    if (on && this.tone === null) this.tone = this.start();
    else if (!on && this.tone !== null) this.stop();
  }

  private start() {
    const { context, destination } = this.output;
    const gain = context.createGain();
    const at = context.currentTime + AFTER_S;
    gain.gain.value = 0; // it is 1 otherwise until the first change that is set
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(LOUDNESS, at + FADE_IN_S);
    gain.connect(destination);
    const breath = context.createGain();
    breath.gain.value = 0.5;
    breath.connect(gain);
    const sources = CHORD_HZ.map((hz) => oscillator(context, hz, breath));
    const swell = context.createGain();
    swell.gain.value = 0.5;
    swell.connect(breath.gain);
    return { gain, sources: [...sources, oscillator(context, BREATH_HZ, swell)] };
  }

  private stop(): void {
    const now = this.output.context.currentTime;
    this.tone?.gain.gain.cancelScheduledValues(now);
    this.tone?.gain.gain.setTargetAtTime(0, now, FADE_OUT_S / 3);
    for (const source of this.tone?.sources ?? []) source.stop(now + FADE_OUT_S);
    this.tone = null;
  }
}

function oscillator(context: AudioContext, hz: number, target: AudioNode): OscillatorNode {
  const source = context.createOscillator();
  source.frequency.value = hz;
  source.connect(target);
  source.start();
  return source;
}
