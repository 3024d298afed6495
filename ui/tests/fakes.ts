/** Stand-ins for what only a browser has, and server messages as they come over the wire. */

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

export function processingStart(turn_id: string, utterance_id: string, seq = 0): MessageOf<"processing_start"> {
  return { ...BASE, seq, type: "processing_start", turn_id, utterance_id, started_at_ts: 0 };
}

export function transcript(turn_id: string, text: string, seq = 0): MessageOf<"transcript_final"> {
  return { ...BASE, seq, type: "transcript_final", turn_id, text, is_final: true };
}

export function answer(turn_id: string, text: string, seq = 0): MessageOf<"agent_final"> {
  const made = { agent_type: "todo", provider: "offline", model: "rules", timings: {} } as const;
  return { ...BASE, seq, type: "agent_final", turn_id, text, ...made };
}

export function audioChunk(turn_id: string, chunk_index: number, is_final: boolean, seq = 0): MessageOf<"audio_chunk"> {
  const audio = { data_b64: "AAAA", mime_type: "audio/mpeg" };
  return { ...BASE, seq, type: "audio_chunk", turn_id, chunk_index, is_final, ...audio };
}

export function status(message: string, seq = 0): MessageOf<"status"> {
  return { ...BASE, seq, type: "status", message };
}
