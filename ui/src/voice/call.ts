/** One call: what the caller does goes in here, what comes of it lands in the store. Views know nothing else. */

import type { AnyServerMessage, AuthOk, ErrorMessage } from "../protocol.generated";
import type { Store } from "../common/store";
import { Caller } from "./caller";
import { Connection } from "./connection";
import type { HumanLine, LineEnds } from "./human-line";
import { Player, spokenChunk } from "./player";
import type { SessionMemory } from "./session-memory";
import type { SocketLike } from "./socket";
import type { SpeakerOutput } from "./speaker-output";
import type { Action, State } from "./state";
import { errorWords, TEXT } from "./words";

export interface CallParts {
  store: Store<State, Action>;
  output: SpeakerOutput;
  openSocket: () => SocketLike;
  memory: SessionMemory | null;
  openLine: (ends: LineEnds) => HumanLine;
  /** Recording has begun on this stream, or ended. */
  onStream: (stream: MediaStream | null) => void;
}

export class Call {
  readonly connection: Connection;
  private readonly caller: Caller;
  private readonly player: Player;
  private readonly human: HumanLine;
  /** A barge-in that found no connection. */
  private cancelOwed = false;

  constructor(private readonly parts: CallParts) {
    this.player = new Player(parts.output, (on) => {
      this.dispatch({ type: "playing", on });
      parts.output.report();
    });
    this.caller = new Caller({
      dispatch: (action) => {
        this.dispatch(action);
      },
      send: (message) => this.connection.send(message),
      onStream: (stream) => {
        this.player.hold(stream !== null);
        parts.onStream(stream);
      },
    });
    this.human = parts.openLine({
      send: (pcm) => {
        this.connection.sendAudio(pcm);
      },
      onFault: (fault) => {
        this.dispatch({ type: "mic_fault", fault });
      },
    });
    this.connection = this.makeConnection(parts.memory);
    this.connection.open();
  }

  submitPin(pin: string): void {
    this.dispatch({ type: "pin_submitted" });
    this.connection.authenticate(pin);
  }

  startTalking(): void {
    if (!this.state.inSession) return;
    if (this.state.playing) this.interrupt();
    this.caller.startTalking();
  }

  stopTalking(): void {
    this.caller.stopTalking();
  }

  sendText(text: string): void {
    if (this.state.playing) this.interrupt();
    this.caller.sendText(text);
  }

  /** Call from a gesture: browsers let a page be heard only after one. */
  unblockSound(): void {
    this.parts.output.unblock();
  }

  /** Barge-in: everything stops, here and on the server. */
  stop(): void {
    this.caller.dropRecording();
    this.interrupt();
  }

  askForHuman(): void {
    if (this.state.playing) this.interrupt();
    this.connection.send({ type: "transfer_request" });
  }

  /** Stops waiting for a human, or ends the talk with one. */
  leaveHuman(): void {
    this.connection.send({ type: "transfer_cancel" });
  }

  /** How loud the human is, 0 to 1. */
  setLineVolume(volume: number): void {
    this.human.setVolume(volume);
  }

  muteMicrophone(on: boolean): void {
    this.dispatch({ type: "mic_muted", on });
    this.human.set(this.state.transfer?.stage === "connected", on);
  }

  hangUp(): void {
    this.connection.hangUp();
    this.finish(TEXT.hangUp);
  }

  /** A new call after the end of one. */
  restart(): void {
    this.dispatch({ type: "connecting" });
    this.connection.open();
  }

  private get state(): State {
    return this.parts.store.state;
  }

  private dispatch(action: Action): void {
    this.parts.store.dispatch(action);
  }

  private interrupt(): void {
    this.player.stop(Object.keys(this.state.turns));
    this.caller.dropUnanswered();
    this.cancelOwed = !this.connection.send({ type: "cancel" });
    this.dispatch({ type: "cancelled" });
  }

  private finish(because: string): void {
    this.dropAll();
    this.caller.releaseMicrophone();
    this.human.set(false, false);
    this.dispatch({ type: "ended", because });
  }

  /** The session is gone, and with it whatever it was about. */
  private dropAll(): void {
    this.caller.dropRecording();
    this.caller.dropUnanswered();
    this.player.stop([]);
    this.cancelOwed = false;
  }

  private makeConnection(memory: SessionMemory | null): Connection {
    const listener = {
      onAuthRequired: (pinRequired: boolean) => {
        this.dispatch({ type: "auth_required", pinRequired });
        if (!pinRequired) this.connection.authenticate(null);
      },
      onLive: (message: AuthOk) => {
        this.goLive(message);
      },
      onMessage: (message: AnyServerMessage) => {
        this.receive(message);
      },
      onAudio: (pcm: ArrayBuffer) => {
        this.human.play(pcm);
      },
      onLost: () => {
        this.dispatch({ type: "lost" });
      },
      onResumeFailed: () => {
        this.dropAll();
        this.dispatch({ type: "resume_failed" });
      },
      onEnded: (error: ErrorMessage | null) => {
        this.finish(error ? errorWords(error) : TEXT.takenOver);
      },
    };
    const heardUpTo = (received: number) => Math.min(received, (this.player.unheardSeq ?? Infinity) - 1);
    const options = { openSocket: this.parts.openSocket, random: Math.random, heardUpTo };
    return new Connection(options, listener, memory?.resumeToken, memory?.lastSeq);
  }

  private goLive(message: AuthOk): void {
    if (this.cancelOwed) this.cancelOwed = !this.connection.send({ type: "cancel" });
    this.show(message);
    this.caller.takeUp(message.pending_utterance_id ?? null);
  }

  private receive(message: AnyServerMessage): void {
    this.caller.hear(message);
    if (message.type === "greeting" || message.type === "announcement" || message.type === "audio_chunk")
      this.player.play(spokenChunk(message));
    else if (message.type === "playback_stop") this.player.stop(message.turn_id ? [message.turn_id] : []);
    this.show(message);
  }

  private show(message: AnyServerMessage): void {
    this.dispatch({ type: "server", message, now: Date.now() });
    this.human.set(this.state.transfer?.stage === "connected", this.state.micMuted);
  }
}
