/**
 * Plays what the server says, chunk after chunk without a gap. A chunk told twice (after a resume, or when a lost turn
 * is told again) is played once; what was received but not yet heard is known, so that a reload can ask for it again.
 */

import type { Announcement, AudioChunkOut, Greeting } from "../protocol.generated";
import { fromBase64 } from "../common/base64";

export interface SpokenChunk {
  /** The same for a chunk told again. */
  key: string;
  turn: string | null;
  seq: number;
  audio: Uint8Array<ArrayBuffer>;
}

export interface PlayerOutput {
  readonly context: Pick<AudioContext, "currentTime" | "decodeAudioData" | "createBufferSource">;
  readonly destination: AudioNode;
}

interface Item {
  chunk: SpokenChunk;
  source: AudioBufferSourceNode | null;
}

/** Time to hand the first buffer over; less is heard as a cut first syllable. */
const LEAD_S = 0.02;

export class Player {
  private readonly known = new Set<string>();
  private readonly silenced = new Set<string>();
  private queue: Item[] = [];
  private freeAt = 0;
  private decoding = Promise.resolve();
  private held: { gate: Promise<void>; open: () => void } | null = null;

  constructor(
    private readonly output: PlayerOutput,
    private readonly onPlaying: (playing: boolean) => void,
  ) {}

  /** Chunks of one turn come in the order of their index. */
  play(chunk: SpokenChunk): void {
    if (this.known.has(chunk.key) || (chunk.turn !== null && this.silenced.has(chunk.turn))) return;
    this.known.add(chunk.key);
    if (chunk.audio.length === 0) return;
    const item: Item = { chunk, source: null };
    this.queue.push(item);
    this.decoding = this.decoding.then(() => this.schedule(item));
  }

  /** Drops what is queued, and whatever else comes of these turns. */
  stop(turns: readonly string[]): void {
    for (const turn of turns) this.silenced.add(turn);
    const dropped = this.queue;
    this.queue = [];
    this.freeAt = 0;
    for (const { source } of dropped) source?.stop();
    this.onPlaying(false);
  }

  /** While held, nothing new is begun: the caller is speaking. */
  hold(on: boolean): void {
    if (on) {
      this.held ??= newGate();
    } else {
      this.held?.open();
      this.held = null;
    }
  }

  /** `seq` of the first chunk that was not heard to its end. */
  get unheardSeq(): number | null {
    return this.queue[0]?.chunk.seq ?? null;
  }

  private async schedule(item: Item): Promise<void> {
    const buffer = await this.decode(item.chunk.audio);
    await this.held?.gate;
    if (!this.queue.includes(item)) return; // stopped meanwhile
    if (!buffer) {
      this.finish(item);
      return;
    }
    const { context, destination } = this.output;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(destination);
    source.addEventListener("ended", () => {
      this.finish(item);
    });
    const at = Math.max(this.freeAt, context.currentTime + LEAD_S);
    source.start(at);
    this.freeAt = at + buffer.duration;
    item.source = source;
    this.onPlaying(true);
  }

  /** Null for a chunk that is no audio: the answer can still be read, and the next chunk be heard. */
  private async decode(audio: Uint8Array<ArrayBuffer>): Promise<AudioBuffer | null> {
    try {
      return await this.output.context.decodeAudioData(audio.buffer);
    } catch {
      return null;
    }
  }

  private finish(item: Item): void {
    if (!this.queue.includes(item)) return;
    this.queue = this.queue.filter((each) => each !== item);
    if (this.queue.length === 0) this.onPlaying(false);
  }
}

function newGate() {
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { gate, open };
}

export function spokenChunk(message: AudioChunkOut | Greeting | Announcement): SpokenChunk {
  const spoken = message.type === "audio_chunk";
  return {
    key: spoken ? `${message.turn_id}/${message.chunk_index}` : `${message.type}/${message.session_id}/${message.seq}`,
    turn: spoken ? message.turn_id : null,
    seq: message.seq,
    audio: fromBase64(message.data_b64 ?? ""),
  };
}
