/** Fakes for browser objects, and server messages in wire format. */

import type { AnyClientMessage, AnyServerMessage } from "../src/protocol.generated";
import type { SocketLike } from "../src/voice/socket";

export class FakeSocket implements SocketLike {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: AnyClientMessage[] = [];
  readonly audio: ArrayBuffer[] = [];
  closed = false;

  send(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.sent.push(JSON.parse(data) as AnyClientMessage);
    else this.audio.push(data);
  }

  close(): void {
    this.closed = true;
  }

  /** The server accepts. */
  open(): void {
    this.onopen?.();
  }

  receive(message: AnyServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  receiveSound(frame: ArrayBuffer): void {
    this.onmessage?.({ data: frame });
  }

  /** The network or the server closes. */
  breakOff(code = 1006): void {
    this.onclose?.({ code });
  }
}

export type MessageOf<Type extends AnyServerMessage["type"]> = Extract<AnyServerMessage, { type: Type }>;

const BASE = { session_id: "s-1", seq: 0 };

export function authRequired(pin_required = true): MessageOf<"auth_required"> {
  return { ...BASE, type: "auth_required", pin_required };
}

export function authOk(fields: Partial<MessageOf<"auth_ok">> = {}): MessageOf<"auth_ok"> {
  const who = { user_id: "u-1", user_name: "Anna", resume_token: "ticket", resumed: false, offline: [] };
  return { ...BASE, type: "auth_ok", ...who, ...fields };
}

export function errorMessage(code: MessageOf<"error">["code"], fields: Partial<MessageOf<"error">> = {}) {
  return { ...BASE, type: "error", code, message: "the server's words", ...fields } as const;
}

export function processingStart(
  turn_id: string,
  utterance_id: string,
  seq = 0,
  turn_number = 1,
): MessageOf<"processing_start"> {
  return { ...BASE, seq, type: "processing_start", turn_id, utterance_id, turn_number, started_at_ts: 0 };
}

export function audioAck(utterance_id: string, sequence: number): MessageOf<"audio_ack"> {
  return { ...BASE, type: "audio_ack", utterance_id, sequence };
}

export function transcript(turn_id: string, text: string, seq = 0): MessageOf<"transcript_final"> {
  return { ...BASE, seq, type: "transcript_final", turn_id, text, is_final: true };
}

export function answer(turn_id: string, text: string, seq = 0): MessageOf<"agent_final"> {
  const made = { agent_type: "todo", provider: "offline", model: "rules", timings: {} } as const;
  return { ...BASE, seq, type: "agent_final", turn_id, text, ...made };
}

export function piece(turn_id: string, text_chunk: string, seq: number): MessageOf<"agent_stream_chunk"> {
  return { ...BASE, seq, type: "agent_stream_chunk", turn_id, text_chunk, is_final: false };
}

interface FrameFields {
  kind?: number;
  turnNumber?: number;
  firstSample?: number;
  seq?: number;
  isLast?: boolean;
}

/** A binary frame as the server sends it: the header, then these samples. */
export function soundFrame(samples: ArrayLike<number>, fields: FrameFields = {}): ArrayBuffer {
  const { kind = 2, turnNumber = 1, firstSample = 0, seq = 0, isLast = false } = fields;
  const frame = new DataView(new ArrayBuffer(16 + 2 * samples.length));
  frame.setUint8(0, kind);
  frame.setUint8(1, isLast ? 1 : 0);
  frame.setUint16(2, turnNumber, true);
  frame.setUint32(4, firstSample, true);
  frame.setBigUint64(8, BigInt(seq), true);
  Array.from(samples).forEach((sample, index) => {
    frame.setInt16(16 + 2 * index, sample, true);
  });
  return frame.buffer;
}

export function audioChunk(turn_id: string, chunk_index: number, is_final: boolean, seq = 0): MessageOf<"audio_chunk"> {
  const audio = { data_b64: "AAAA", mime_type: "audio/mpeg" };
  return { ...BASE, seq, type: "audio_chunk", turn_id, chunk_index, is_final, ...audio };
}

export function status(message: string, seq = 0): MessageOf<"status"> {
  return { ...BASE, seq, type: "status", message };
}
