/** The talk with a human as a part of the call: its audio is on while the hand-over is connected. */

import type { TalkAudio, TalkCallbacks } from "../audio/talk-audio";
import { talkFrame } from "./frames";
import type { Action, State } from "./state";

export class Talk {
  private readonly audio: TalkAudio;
  /** Samples that were sent, muted ones included. */
  private position = 0;

  constructor(
    open: (callbacks: TalkCallbacks) => TalkAudio,
    sendSound: (frame: ArrayBuffer) => void,
    dispatch: (action: Action) => void,
  ) {
    this.audio = open({
      onSlice: (pcm) => {
        sendSound(talkFrame(pcm, this.position));
        this.position += pcm.byteLength / 2;
      },
      onFault: (fault) => {
        dispatch({ type: "mic_fault", fault });
      },
      onBlocked: (blocked) => {
        dispatch({ type: "talk_blocked", blocked });
      },
    });
  }

  follow({ transfer, micMuted }: State): void {
    this.audio.set(transfer?.stage === "connected", micMuted);
  }

  play(pcm: Int16Array): void {
    this.audio.play(pcm);
  }

  /** Volume of the human's voice, 0 to 1. */
  setVolume(volume: number): void {
    this.audio.setVolume(volume);
  }

  unblock(): void {
    this.audio.unblock();
  }
}
