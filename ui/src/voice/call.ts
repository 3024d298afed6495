/** One call. Views call its methods and read the results from the store. */

import type { TalkAudio, TalkCallbacks } from "../audio/talk-audio";
import type { Store } from "../common/store";
import type { AnyClientMessage, AnyServerMessage, AuthOk } from "../protocol.generated";
import { Caller } from "./caller";
import { Connection } from "./connection";
import type { ConnectionListener } from "./connection-listener";
import type { SoundFrame } from "./frames";
import type { StoredUtterance } from "./outbox";
import { Player, spokenFile } from "./player";
import type { SessionMemory, Ticket } from "./session-memory";
import type { SocketLike } from "./socket";
import type { SpeakerOutput } from "./speaker-output";
import type { Action, State } from "./state";
import { Talk } from "./talk";
import { errorWords, plainErrorWords, TEXT } from "./words";

export interface CallParts {
  store: Store<State, Action>;
  output: SpeakerOutput;
  openSocket: () => SocketLike;
  memory: SessionMemory | null;
  openTalk: (callbacks: TalkCallbacks) => TalkAudio;
  /** Called when recording starts on a stream, and with null when it ends. */
  onStream: (stream: MediaStream | null) => void;
}

export class Call {
  readonly connection: Connection;
  private readonly caller: Caller;
  private readonly player: Player;
  private readonly talk: Talk;
  /** A barge-in could not be sent, because there was no connection. */
  private cancelOwed = false;

  constructor(private readonly parts: CallParts) {
    const onPlaying = (on: boolean) => {
      this.dispatch({ type: "playing", on });
      parts.output.report();
    };
    this.player = new Player(parts.output, onPlaying, parts.memory?.heard);
    this.caller = this.makeCaller();
    const sendSound = (frame: ArrayBuffer) => {
      this.connection.sendSound(frame);
    };
    this.talk = new Talk(parts.openTalk, sendSound, this.dispatch);
    this.connection = this.makeConnection(parts.memory);
    this.connection.open();
  }

  /** The data that a reload needs to continue the call. */
  get ticket(): Ticket | null {
    const { ticket } = this.connection;
    return ticket && { ...ticket, heard: this.player.heard };
  }

  /** Utterances that a reload sends again. */
  get unanswered(): StoredUtterance[] {
    return this.caller.unanswered;
  }

  /** Called when somebody starts to type a PIN. */
  expectPin(): void {
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
    // an answer that waits until the caller has finished is not interrupted
    if (this.state.playing && !this.state.recording) this.interrupt();
    this.caller.sendText(text);
  }

  /** Call this from a gesture: browsers allow audio only after one. */
  unblockSound(): void {
    this.parts.output.unblock();
    this.talk.unblock();
  }

  /** Barge-in: stops everything, here and on the server. */
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

  /** Volume of the human's voice, 0 to 1. */
  setTalkVolume(volume: number): void {
    this.talk.setVolume(volume);
  }

  muteMicrophone(on: boolean): void {
    this.dispatch({ type: "mic_muted", on });
    this.talk.follow(this.state);
  }

  hangUp(): void {
    this.connection.hangUp();
    this.finish(TEXT.hangUp);
  }

  /** Retries at once after the server had no room. */
  tryNow(): void {
    if (this.state.noRoom) this.dispatch({ type: "no_room", ...this.state.noRoom, retryAt: Date.now() });
    this.connection.retryNow();
  }

  /** Stops retrying after the server had no room. */
  stopTrying(): void {
    this.connection.hangUp();
    this.finish(TEXT.stoppedWaiting);
  }

  /** Starts a new call after one has ended. */
  restart(): void {
    this.dispatch({ type: "connecting" });
    this.connection.open();
  }

  private get state(): State {
    return this.parts.store.state;
  }

  private readonly dispatch = (action: Action): void => {
    this.parts.store.dispatch(action);
  };

  private interrupt(): void {
    this.player.stop(Object.keys(this.state.turns));
    this.caller.dropUnanswered();
    this.cancelOwed = !this.connection.send({ type: "cancel" });
    this.dispatch({ type: "cancelled" });
  }

  private finish(because: string): void {
    this.dropAll();
    this.caller.releaseMicrophone();
    this.dispatch({ type: "ended", because });
    this.talk.follow(this.state);
  }

  /** Drops everything that belongs to a session that is over. */
  private dropAll(): void {
    this.caller.dropRecording();
    this.caller.dropUnanswered();
    this.player.stop([]);
    this.cancelOwed = false;
  }

  private makeCaller(): Caller {
    const parts = {
      dispatch: this.dispatch,
      send: (message: AnyClientMessage) => this.connection.send(message),
      onStream: (stream: MediaStream | null) => {
        this.player.hold(stream !== null);
        this.parts.onStream(stream);
      },
    };
    return new Caller(parts, this.parts.memory?.unanswered);
  }

  private makeConnection(memory: SessionMemory | null): Connection {
    const heardUpTo = (received: number) => Math.min(received, (this.player.unheardSeq ?? Infinity) - 1);
    const options = { openSocket: this.parts.openSocket, random: Math.random, heardUpTo };
    return new Connection(options, this.listener(), memory?.resumeToken, memory?.lastSeq);
  }

  private listener(): ConnectionListener {
    return {
      onAuthRequired: (pinRequired) => {
        this.dispatch({ type: "auth_required", pinRequired });
        if (!pinRequired) this.connection.authenticate(null);
      },
      onLive: this.goLive,
      onMessage: this.receive,
      onSound: this.receiveSound,
      onLost: () => {
        this.dispatch({ type: "lost" });
      },
      onNoRoom: (error, retryInMs) => {
        this.dispatch({ type: "no_room", because: plainErrorWords(error), retryAt: Date.now() + retryInMs });
      },
      onResumeFailed: () => {
        this.dropAll();
        this.dispatch({ type: "resume_failed" });
      },
      onEnded: (error) => {
        this.finish(error ? errorWords(error) : TEXT.takenOver);
      },
    };
  }

  private readonly goLive = (message: AuthOk): void => {
    if (this.cancelOwed) this.cancelOwed = !this.connection.send({ type: "cancel" });
    this.show(message);
    this.caller.resume(message.pending_utterance_id ?? null);
  };

  private readonly receive = (message: AnyServerMessage): void => {
    this.caller.handle(message);
    if (message.type === "greeting" || message.type === "announcement" || message.type === "audio_chunk")
      this.player.playFile(spokenFile(message));
    else if (message.type === "processing_start") this.player.begin(message);
    else if (message.type === "playback_stop") this.player.stop(message.turn_id ? [message.turn_id] : []);
    this.show(message);
  };

  private readonly receiveSound = (frame: SoundFrame): void => {
    if (frame.kind === "talk") {
      this.talk.play(frame.pcm);
      return;
    }
    const turn = this.player.playFrame(frame);
    if (turn !== null) this.dispatch({ type: "answer_over", turn });
  };

  private show(message: AnyServerMessage): void {
    this.dispatch({ type: "server", message, now: Date.now() });
    this.talk.follow(this.state);
  }
}
