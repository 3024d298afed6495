/**
 * The audio of a direct call: one WebSocket to a voice replica after another, each opened with the newest key of the
 * desk's view. A key opens one stream once, and the server publishes the next one at once. While a stream is open, a
 * frame is sent every 20 ms, since the server takes two seconds without a frame for a dead stream.
 */

import type { DeskAudioOpen, DeskCall } from "../protocol.generated";
import { NOT_LOGGED_IN } from "../common/page-socket";

export interface AudioSocketListener {
  onAudio: (pcm: Int16Array<ArrayBuffer>) => void;
  /** True when a stream is open, false when it has broken. */
  onOpen: (on: boolean) => void;
  onLoggedOut: () => void;
}

const PATH = "/call-center/audio";
const SLICE_MS = 20;
const SILENCE = new ArrayBuffer(640); // 20 ms
/** After this long without a slice, such as before the microphone is open, silence is sent. */
const SILENT_AFTER_MS = 60;
/** A new stream is asked for as soon as the old one breaks: most losses are a restart behind a proxy that answers. */
const DELAYS_MS = [0, 100, 200, 400, 800, 1_500];
/** A stream that breaks sooner than this does not reset the delays. */
const STABLE_AFTER_MS = 2_000;
/** Timeout from opening to the server's answer. A machine that has vanished refuses nothing. */
const OPEN_WITHIN_MS = 4_000;
/** A second of audio that the network does not take. */
const MAX_UNSENT_BYTES = 32_000;

export class AudioSocket {
  private call: DeskCall | null = null;
  private socket: WebSocket | null = null;
  /** The key that the current or last socket was opened with. */
  private key = "";
  /** The server has admitted a stream with that key, and admits no other. */
  private isUsed = false;
  private openSince: number | null = null;
  private sliceAt = -Infinity;
  private failures = 0;
  private opening: ReturnType<typeof setTimeout> | undefined;
  private retrying: ReturnType<typeof setTimeout> | undefined;
  private beat: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly listener: AudioSocketListener) {}

  /** Follows the desk's view: null, or a call without a key, has no audio. */
  set(call: DeskCall | null): void {
    const next = call?.stream_key ? call : null;
    if (next?.transfer_id !== this.call?.transfer_id) this.drop();
    this.call = next;
    if (next) this.openIfPossible();
  }

  /** Sends 20 ms of audio, or drops it while no stream is open. */
  send(pcm: ArrayBuffer): void {
    this.sliceAt = performance.now();
    this.transmit(pcm);
  }

  private transmit(pcm: ArrayBuffer): void {
    if (this.socket?.readyState !== WebSocket.OPEN || this.openSince === null) return;
    if (this.socket.bufferedAmount > MAX_UNSENT_BYTES) this.giveUp();
    else this.socket.send(pcm);
  }

  private openIfPossible(): void {
    if (this.socket || this.retrying !== undefined || !this.call) return;
    const isSpent = this.isUsed && this.call.stream_key === this.key;
    if (!isSpent) this.open(this.call); // otherwise the next view has the next key
  }

  private open({ transfer_id, attempt, stream_key }: DeskCall): void {
    const url = new URL(PATH, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    [this.key, this.isUsed] = [stream_key, false];
    this.opening = setTimeout(() => {
      this.giveUp();
    }, OPEN_WITHIN_MS);
    socket.addEventListener("open", () => {
      const message: DeskAudioOpen = { type: "desk_audio_open", transfer_id, attempt, stream_key };
      socket.send(JSON.stringify(message));
    });
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (socket === this.socket) this.receive(data);
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.socket) this.lose(code);
    });
  }

  private receive(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      this.listener.onAudio(new Int16Array(data, 0, data.byteLength >> 1));
    } else {
      // the only text message is `desk_audio_opened`
      clearTimeout(this.opening);
      this.isUsed = true;
      this.openSince = performance.now();
      this.beat = setInterval(() => {
        if (performance.now() - this.sliceAt >= SILENT_AFTER_MS) this.transmit(SILENCE);
      }, SLICE_MS);
      this.listener.onOpen(true);
    }
  }

  private lose(code: number): void {
    const wasStable = this.openSince !== null && performance.now() - this.openSince >= STABLE_AFTER_MS;
    if (wasStable) this.failures = 0;
    this.forgetSocket();
    if (code === NOT_LOGGED_IN) {
      this.call = null;
      this.listener.onLoggedOut();
      return;
    }
    const delay = DELAYS_MS[Math.min(this.failures, DELAYS_MS.length - 1)] ?? 0;
    this.failures += 1;
    if (delay > 0)
      this.retrying = setTimeout(() => {
        this.retrying = undefined;
        this.openIfPossible();
      }, delay);
    else this.openIfPossible();
  }

  /** A dead connection may take minutes to close. */
  private giveUp(): void {
    const { socket } = this;
    this.lose(0);
    socket?.close();
  }

  /** The call is over, or another one begins. */
  private drop(): void {
    const { socket } = this;
    this.forgetSocket();
    socket?.close();
    clearTimeout(this.retrying);
    this.retrying = undefined;
    this.failures = 0;
    this.isUsed = false;
  }

  private forgetSocket(): void {
    const wasOpen = this.openSince !== null;
    this.socket = this.openSince = null;
    clearTimeout(this.opening);
    clearInterval(this.beat);
    if (wasOpen) this.listener.onOpen(false);
  }
}
