/** The ring tone. It is synthesized, not loaded. */

const RING_MS = 4_000;
const SOUND_S = 1.2;
const LOUDNESS = 0.12;
const CHORD_HZ = [440, 480] as const;

export class RingTone {
  private audio: AudioContext | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;

  set(on: boolean): void {
    if (on === (this.timer !== undefined)) return;
    clearInterval(this.timer);
    this.timer = undefined;
    if (!on) return;
    this.ring();
    this.timer = setInterval(() => {
      this.ring();
    }, RING_MS);
  }

  private ring(): void {
    const audio = (this.audio ??= new AudioContext());
    const gain = audio.createGain();
    gain.gain.value = LOUDNESS;
    gain.connect(audio.destination);
    for (const hz of CHORD_HZ) {
      const tone = audio.createOscillator();
      tone.frequency.value = hz;
      tone.connect(gain);
      tone.start();
      tone.stop(audio.currentTime + SOUND_S);
    }
  }
}
