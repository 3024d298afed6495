/**
 * The page as a telephone: it carries the audio of a direct call itself. The call's state is the server's, and comes
 * with the desk's view; only the microphone's belongs to the page.
 */

import { levelOf } from "../audio/level";
import { Microphone, type MicFault } from "../audio/microphone";
import type { TalkAudio, TalkCallbacks } from "../audio/talk-audio";
import type { DeskAction, DeskCall } from "../protocol.generated";
import { AudioSocket } from "./audio-socket";
import type { Action } from "./state";
import { rememberedTalk, rememberTalk } from "./talk-memory";
import type { Telephone } from "./telephone";

export interface DirectParts {
  /** Returns false if the server can't be reached now. */
  sendAction: (action: DeskAction, text?: string) => boolean;
  dispatch: (action: Action) => void;
  /** Level of 20 ms of audio, 0 to 1. */
  onLevel: (whose: "own" | "other", level: number) => void;
  onLoggedOut: () => void;
  openTalk: (callbacks: TalkCallbacks) => TalkAudio;
}

const FULL_SCALE = 0x8000;
const HUNG_UP = "You have hung up. The call ends as soon as the call center can be reached again.";

export class DirectPhone implements Telephone {
  private readonly audio: TalkAudio;
  private readonly socket: AudioSocket;
  private call: DeskCall | null = null;
  /** The person has accepted, and the server does not say so yet. */
  private isAccepted = false;
  private isAnswering = false;
  /** The person has hung up, and the server does not say so yet. */
  private isHungUp = false;
  private isReconnected = false;
  private talk = rememberedTalk("");

  constructor(private readonly parts: DirectParts) {
    const { dispatch, onLevel } = parts;
    this.audio = parts.openTalk({
      onSlice: (pcm) => {
        this.socket.send(pcm);
        onLevel("own", levelOf(new Int16Array(pcm), FULL_SCALE));
      },
      onFault: this.reportFault,
      onBlocked: (blocked) => {
        dispatch({ type: "audio_blocked", blocked });
      },
    });
    this.socket = new AudioSocket({
      onAudio: (pcm) => {
        this.audio.play(pcm);
        onLevel("other", levelOf(pcm, FULL_SCALE));
      },
      onOpen: (on) => {
        dispatch({ type: "streaming", on });
      },
      onLoggedOut: parts.onLoggedOut,
    });
  }

  /** Follows the call of the desk's view. */
  follow(call: DeskCall | null): void {
    if (call?.transfer_id !== this.call?.transfer_id || call?.attempt !== this.call?.attempt)
      this.isAccepted = this.isHungUp = false;
    if ((call?.transfer_id ?? "") !== this.talk.transfer) this.begin(call);
    this.call = call;
    this.setAudio();
    if (this.isHungUp && this.isReconnected) this.parts.sendAction("hang_up");
    this.isReconnected = false;
  }

  /** A new connection to the call center: what was sent just before the old one broke may be lost. */
  reconnected(): void {
    this.isReconnected = true;
  }

  /** The server has refused an action, perhaps the acceptance of this call. */
  refused(): void {
    this.isAccepted = false;
    this.setAudio();
  }

  /** Asks for the microphone before a call needs it. Returns false, and reports why, if it can't be used. */
  async prepare(): Promise<boolean> {
    const isAllowed = (await Microphone.isAllowed()) || (await this.openMicrophone());
    this.audio.closeMicrophone();
    return isAllowed;
  }

  /** Call this from a gesture: from then on the browser allows sound. */
  unblock(): void {
    this.audio.unblock();
  }

  /** Opens the microphone and accepts the call. Without a microphone the call goes on ringing. */
  answer(): void {
    const { call } = this;
    if (!call || this.isAnswering) return;
    this.setAnswering(true);
    void this.openMicrophone().then((isOpen) => {
      this.setAnswering(false);
      const isStill = this.call?.transfer_id === call.transfer_id && this.call.attempt === call.attempt;
      if (isOpen && isStill) this.isAccepted = this.parts.sendAction("accept");
      this.setAudio();
      this.audio.closeMicrophone();
    });
  }

  /** The page's action has declined the call. */
  decline(): void {
    this.audio.closeMicrophone();
  }

  /** Ends the call. From now on nobody is heard, even while the call center can't be reached. */
  hangUp(): void {
    this.isHungUp = true;
    this.setAudio();
    this.audio.closeMicrophone();
    if (!this.parts.sendAction("hang_up")) this.parts.dispatch({ type: "fault", words: HUNG_UP });
  }

  setHeld(on: boolean): void {
    this.parts.sendAction(on ? "hold" : "resume");
  }

  setMuted(on: boolean): void {
    this.talk = { ...this.talk, muted: on };
    rememberTalk(this.talk);
    this.parts.dispatch({ type: "muted", on });
    this.setAudio();
  }

  /** A direct call has no other machine that could want tones. */
  press(): void {
    return undefined;
  }

  transfer(extension: string): void {
    this.parts.sendAction("blind_transfer", extension);
  }

  consult(extension: string): void {
    this.parts.sendAction("consult", extension);
  }

  /** The server knows the colleague, also after a reload. */
  complete(): void {
    this.parts.sendAction("attended_transfer");
  }

  dropConsultation(): void {
    this.parts.sendAction("end_consultation");
  }

  /** Another call, or none: a reload finds what the page knew about it. */
  private begin(call: DeskCall | null): void {
    this.talk = rememberedTalk(call?.transfer_id ?? "");
    this.parts.dispatch({ type: "muted", on: this.talk.muted });
  }

  private setAudio(): void {
    const { call } = this;
    const isTalking = call !== null && !this.isHungUp && (call.stream_key !== "" || this.isAccepted);
    this.socket.set(this.isHungUp ? null : call);
    // during a hold the caller is not to hear the desk, a colleague is
    const isHeld = call?.held === true && call.consultation !== "talking" && call.from_colleague === "";
    this.audio.set(isTalking, this.talk.muted || isHeld);
  }

  private async openMicrophone(): Promise<boolean> {
    const isOpen = await this.audio.openMicrophone();
    if (isOpen) this.parts.dispatch({ type: "mic_fault", fault: null });
    return isOpen;
  }

  private setAnswering(on: boolean): void {
    this.isAnswering = on;
    this.parts.dispatch({ type: "answering", on });
  }

  private readonly reportFault = (fault: MicFault): void => {
    this.parts.dispatch({ type: "mic_fault", fault });
  };
}
