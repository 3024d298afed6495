/** Binary frames of the wire contract: a header of 16 bytes, then audio. */

export interface SoundFrame {
  kind: SoundKind;
  /** `processing_start.turn_number` of the turn that is answered. */
  turnNumber: number;
  /** Position of the first sample in the answer, or in the talk. */
  firstSample: number;
  /** As in the text messages; 0 for frames that are never repeated. */
  seq: number;
  /** The answer ends here; the frame may contain no audio. */
  isLast: boolean;
  pcm: Int16Array<ArrayBuffer>;
}

/** PCM16, mono: an answer at 24 kHz, a talk with a human at 16 kHz. */
export type SoundKind = "answer" | "talk";

/** Samples per second of an answer. */
export const ANSWER_RATE = 24_000;

const HEADER_BYTES = 16;
const KINDS: Partial<Record<number, SoundKind>> = { 2: "answer", 4: "talk" };
const TALK = 4;
const LAST = 1;

/** Returns null for a frame that is too short or of an unknown kind. */
export function parseFrame(data: ArrayBuffer): SoundFrame | null {
  if (data.byteLength < HEADER_BYTES) return null;
  const header = new DataView(data, 0, HEADER_BYTES);
  const kind = KINDS[header.getUint8(0)];
  if (!kind) return null;
  return {
    kind,
    turnNumber: header.getUint16(2, true),
    firstSample: header.getUint32(4, true),
    seq: Number(header.getBigUint64(8, true)),
    isLast: (header.getUint8(1) & LAST) !== 0,
    pcm: new Int16Array(data, HEADER_BYTES, (data.byteLength - HEADER_BYTES) >> 1),
  };
}

/** Builds a frame with the caller's audio for the human. */
export function talkFrame(pcm: ArrayBuffer, firstSample: number): ArrayBuffer {
  const frame = new Uint8Array(HEADER_BYTES + pcm.byteLength);
  const header = new DataView(frame.buffer);
  header.setUint8(0, TALK);
  header.setUint32(4, firstSample, true);
  frame.set(new Uint8Array(pcm), HEADER_BYTES);
  return frame.buffer;
}
