/**
 * The caller's utterances that the server has not answered. The audio is kept until the server knows the words, so a
 * connection that is lost during or after speaking loses nothing: the next connection sends everything open again under
 * the same id, which the server answers once. Of a recording only the slices that the server lacks are sent again.
 */

import type { AnyClientMessage } from "../protocol.generated";
import { fromBase64, toBase64 } from "../common/base64";

export type AudioFormat = "webm" | "pcm16";

interface Spoken {
  kind: "spoken";
  id: string;
  format: AudioFormat;
  /** Slices by their `sequence`. */
  slices: Uint8Array[];
  /** Number of slices known to have been sent. */
  given: number;
  isFinished: boolean;
  turn: string | null;
}

interface Typed {
  kind: "typed";
  id: string;
  text: string;
  turn: string | null;
}

type Utterance = Spoken | Typed;

/** An utterance as it is stored for a reload: complete, with its audio in base64. */
export type StoredUtterance = Typed | (Pick<Spoken, "kind" | "id" | "format" | "turn"> & { audio: string });

/** Slices that are sent again are joined up to this size: half of what the server accepts in one message, in base64. */
const RESEND_BYTES = 96 * 1024;

/** The server answers within a round trip; an older server never does. */
const ACK_WITHIN_MS = 1_500;

export class Outbox {
  private open: Utterance[] = [];
  /** Ids of utterances to send again on this connection; the first may be waiting for `audio_ack`. */
  private again: string[] = [];
  private waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly send: (message: AnyClientMessage) => boolean,
    private readonly newId: () => string = randomId,
  ) {}

  /** Complete utterances. A recording that a reload cuts off is dropped, because its meaning is unknown. */
  get stored(): StoredUtterance[] {
    return this.open.filter(isFinished).map(stored);
  }

  /** Restores an utterance after a reload; `resend` sends it. */
  restore(utterances: readonly StoredUtterance[]): void {
    this.open = utterances.map(restored);
  }

  begin(format: AudioFormat): string {
    return this.add({ kind: "spoken", id: this.newId(), format, slices: [], given: 0, isFinished: false, turn: null });
  }

  addSlice(id: string, slice: Uint8Array): void {
    const utterance = this.recording(id);
    if (!utterance || slice.length === 0) return;
    utterance.slices.push(slice);
    if (!this.again.includes(id)) this.giveSlices(utterance);
  }

  finish(id: string): void {
    const utterance = this.recording(id);
    if (!utterance) return;
    utterance.isFinished = true;
    if (!this.again.includes(id)) this.send({ type: "stop_recording" });
  }

  type(text: string): string {
    return this.add({ kind: "typed", id: this.newId(), text, turn: null });
  }

  /** The server works on this utterance. The audio is kept, because the server may die before it knows the words. */
  started(id: string, turn: string): void {
    const utterance = this.open.find((each) => each.id === id);
    if (utterance) utterance.turn = turn;
  }

  /** The transcript is known: from now on it is sent again instead of the audio, under the same id. */
  recognized(turn: string, text: string): void {
    this.open = this.open.map((each) =>
      each.turn === turn && each.kind === "spoken" ? { kind: "typed", id: each.id, text, turn } : each,
    );
  }

  /** The turn is answered, so its utterance is dropped. */
  answered(turn: string): void {
    for (const { id } of this.open.filter((each) => each.turn === turn)) this.discard(id);
  }

  /** The server refused an utterance without naming it. Returns the one that must be meant. */
  refused(): string | null {
    const last = this.open.findLast((each) => each.turn === null && isFinished(each));
    if (last) this.discard(last.id);
    return last?.id ?? null;
  }

  discard(id: string): void {
    this.open = this.open.filter((each) => each.id !== id);
    if (this.again[0] === id) this.sayNext();
  }

  clear(): void {
    clearTimeout(this.waiting);
    this.open = [];
    this.again = [];
  }

  /**
   * On a resumed session: sends again what the server may lack. The server takes utterances in order, so it has
   * `pending`, the one it works on or answered last, and all before it.
   */
  resend(pending: string | null): void {
    const known = this.open.findIndex((each) => each.id === pending);
    this.again = this.open.slice(known + 1).map(({ id }) => id);
    this.sayFirst();
  }

  /** The server has the slices up to `sequence` (-1 for none); sends the others. */
  acknowledged(id: string, sequence: number): void {
    if (this.again[0] === id) this.goOn(id, sequence + 1);
  }

  private add(utterance: Utterance): string {
    this.open.push(utterance);
    // in the order of the utterances
    if (this.again.length > 0) this.again.push(utterance.id);
    else this.send(firstMessage(utterance));
    return utterance.id;
  }

  private sayFirst(): void {
    clearTimeout(this.waiting);
    const [id] = this.again;
    if (id === undefined) return;
    const utterance = this.open.find((each) => each.id === id);
    if (utterance) this.send(firstMessage(utterance));
    if (utterance?.kind !== "spoken") {
      this.sayNext();
      return;
    }
    this.waiting = setTimeout(() => {
      // slices that the server has but did not acknowledge must not be added twice
      this.send({ type: "stream_reset" });
      this.goOn(id, 0);
    }, ACK_WITHIN_MS);
  }

  private sayNext(): void {
    this.again.shift();
    this.sayFirst();
  }

  private goOn(id: string, from: number): void {
    const utterance = this.open.find((each) => each.id === id);
    if (utterance?.kind === "spoken") {
      const { slices } = utterance;
      // many small messages at once would exceed the server's rate limit
      utterance.slices = [...slices.slice(0, from), ...joined(slices.slice(from), RESEND_BYTES)];
      utterance.given = from;
      this.giveSlices(utterance);
      if (utterance.isFinished) this.send({ type: "stop_recording" });
    }
    this.sayNext();
  }

  private giveSlices(utterance: Spoken): void {
    for (const slice of utterance.slices.slice(utterance.given)) {
      this.send({ type: "audio_chunk", sequence: utterance.given, data_b64: toBase64(slice) });
      utterance.given += 1;
    }
  }

  private recording(id: string): Spoken | undefined {
    return this.open.find((each): each is Spoken => each.id === id && each.kind === "spoken" && !each.isFinished);
  }
}

/** 128 random bits; `crypto.randomUUID` does not exist on pages served without TLS. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isFinished(utterance: Utterance): boolean {
  return utterance.kind === "typed" || utterance.isFinished;
}

function stored(utterance: Utterance): StoredUtterance {
  if (utterance.kind === "typed") return utterance;
  const { kind, id, format, turn, slices } = utterance;
  return { kind, id, format, turn, audio: toBase64(concatenated(slices)) };
}

function restored(utterance: StoredUtterance): Utterance {
  if (utterance.kind === "typed") return utterance;
  const { audio, ...rest } = utterance;
  return { ...rest, slices: sliced(fromBase64(audio), RESEND_BYTES), given: 0, isFinished: true };
}

function firstMessage(utterance: Utterance): AnyClientMessage {
  const { kind, id } = utterance;
  if (kind === "typed") return { type: "text_input", text: utterance.text, utterance_id: id };
  const { format } = utterance;
  const rate = format === "pcm16" ? { sample_rate: 16_000 } : {};
  return { type: "start_recording", stt_mode: "batch", utterance_id: id, format, ...rate };
}

/** Joins slices up to `limit` bytes each; a single longer slice stays as it is. */
function joined(slices: readonly Uint8Array[], limit: number): Uint8Array[] {
  const groups: Uint8Array[][] = [];
  let size = Infinity;
  for (const slice of slices) {
    if (size + slice.length > limit) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)?.push(slice);
    size += slice.length;
  }
  return groups.map(concatenated);
}

function sliced(whole: Uint8Array, limit: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(whole.length / limit) }, (_, index) =>
    whole.subarray(index * limit, (index + 1) * limit),
  );
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
