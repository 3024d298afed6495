/** The page's AudioContext, shared by playout, hold tone and level meter. Volume and mute apply to all of them. */

import type { PlayoutReport } from "./playout";
import { openPlayout, type SendToPlayout } from "./playout-node";

const GLIDE_S = 0.03; // a change of volume without a click

/** Safari's, which the DOM library does not have yet. */
interface WithAudioSession {
  audioSession?: { type: string };
}

export class SpeakerOutput {
  private audio: AudioContext | null = null;
  private master: GainNode | null = null;
  private volume = 1;

  constructor(private readonly onBlocked: (blocked: boolean) => void) {}

  /** Created on first use: before a gesture, browsers start it suspended and log a warning. */
  get context(): AudioContext {
    return (this.audio ??= this.open());
  }

  get destination(): AudioNode {
    return (this.master ??= this.openMaster());
  }

  openPlayout(onReport: (report: PlayoutReport) => void): Promise<SendToPlayout> {
    return openPlayout(this.context, this.destination, onReport);
  }

  setVolume(volume: number): void {
    this.volume = volume;
    this.master?.gain.setTargetAtTime(volume, this.context.currentTime, GLIDE_S);
  }

  /** Call this from a gesture: from then on the browser allows sound. */
  unblock(): void {
    if (this.context.state === "running") return;
    this.context.resume().catch(() => {
      // iOS refuses while a telephone call is on: the next gesture tries again
      this.report();
    });
  }

  /** Reports whether the browser is blocking sound. */
  report(): void {
    this.onBlocked(this.audio !== null && this.audio.state !== "running");
  }

  private open(): AudioContext {
    // without this an iPhone's mute switch silences the page
    const { audioSession } = navigator as WithAudioSession;
    if (audioSession) audioSession.type = "play-and-record";
    const audio = new AudioContext({ latencyHint: "interactive" });
    audio.addEventListener("statechange", () => {
      this.report();
    });
    return audio;
  }

  private openMaster(): GainNode {
    const master = this.context.createGain();
    master.gain.value = this.volume;
    master.connect(this.context.destination);
    return master;
  }
}
