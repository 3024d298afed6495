/**
 * What the caller has said and the server has not answered yet. It keeps the audio itself, so that a connection lost
 * while speaking, or right after, costs nothing: on the next one everything open is sent again under the same id, which
 * the server answers once.
 */

import type { AnyClientMessage } from "../protocol.generated";
import { toBase64 } from "../common/base64";

export type AudioFormat = "webm" | "pcm16";

interface Spoken {
  kind: "spoken";
  id: string;
  format: AudioFormat;
  slices: Uint8Array[];
  finished: boolean;
  sequence: number;
  turn: string | null;
}

interface Typed {
  kind: "typed";
  id: string;
  text: string;
  turn: string | null;
}

type Utterance = Spoken | Typed;

/** Slices sent again travel together up to this size: half of what the server takes in one message, in base64. */
const RESEND_BYTES = 96 * 1024;

export class Outbox {
  private open: Utterance[] = [];

  constructor(
    private readonly send: (message: AnyClientMessage) => boolean,
    private readonly newId: () => string = randomId,
  ) {}

  begin(format: AudioFormat): string {
    const utterance: Spoken = {
      kind: "spoken",
      id: this.newId(),
      format,
      slices: [],
      finished: false,
      sequence: 0,
      turn: null,
    };
    this.open.push(utterance);
    this.send(startMessage(utterance));
    return utterance.id;
  }

  addSlice(id: string, slice: Uint8Array): void {
    const utterance = this.recording(id);
    if (!utterance || slice.length === 0) return;
    utterance.slices.push(slice);
    this.sendSlice(utterance, slice);
  }

  finish(id: string): void {
    const utterance = this.recording(id);
    if (!utterance) return;
    utterance.finished = true;
    this.send({ type: "stop_recording" });
  }

  type(text: string): string {
    const utterance: Typed = { kind: "typed", id: this.newId(), text, turn: null };
    this.open.push(utterance);
    this.send(typedMessage(utterance));
    return utterance.id;
  }

  /** The server works on this utterance. */
  started(id: string, turn: string): void {
    const utterance = this.open.find((each) => each.id === id);
    if (utterance) utterance.turn = turn;
  }

  /** The turn has its answer: the utterance is needed no more. */
  answered(turn: string): void {
    this.open = this.open.filter((each) => each.turn !== turn);
  }

  /** The server refused what was said last; its words name no utterance. Returns the one that must be meant. */
  refused(): string | null {
    const last = this.open.findLast((each) => each.turn === null && (each.kind === "typed" || each.finished));
    if (last) this.discard(last.id);
    return last?.id ?? null;
  }

  discard(id: string): void {
    this.open = this.open.filter((each) => each.id !== id);
  }

  clear(): void {
    this.open = [];
  }

  /**
   * On a resumed session: say again what the server may lack. It takes utterances in order, so it has `pending`, the
   * one it works on or answered last, and all before it.
   */
  resend(pending: string | null): void {
    const known = this.open.findIndex((each) => each.id === pending);
    for (const utterance of this.open.slice(known + 1)) this.sendAgain(utterance);
  }

  private sendAgain(utterance: Utterance): void {
    if (utterance.kind === "typed") {
      this.send(typedMessage(utterance));
      return;
    }
    utterance.sequence = 0;
    this.send(startMessage(utterance));
    for (const slice of joined(utterance.slices, RESEND_BYTES)) this.sendSlice(utterance, slice);
    if (utterance.finished) this.send({ type: "stop_recording" });
  }

  private sendSlice(utterance: Spoken, slice: Uint8Array): void {
    this.send({ type: "audio_chunk", sequence: utterance.sequence, data_b64: toBase64(slice) });
    utterance.sequence += 1;
  }

  private recording(id: string): Spoken | undefined {
    return this.open.find((each): each is Spoken => each.id === id && each.kind === "spoken" && !each.finished);
  }
}

/** 128 random bits; `crypto.randomUUID` is missing on pages served without TLS. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function startMessage({ id, format }: Spoken): AnyClientMessage {
  const rate = format === "pcm16" ? { sample_rate: 16_000 } : {};
  return { type: "start_recording", stt_mode: "batch", utterance_id: id, format, ...rate };
}

function typedMessage({ id, text }: Typed): AnyClientMessage {
  return { type: "text_input", text, utterance_id: id };
}

/** The same bytes in fewer pieces, each at most `limit` long unless a single slice is longer. */
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

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
