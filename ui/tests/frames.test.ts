import { describe, expect, it } from "vitest";
import { parseFrame, talkFrame } from "../src/voice/frames";
import { soundFrame } from "./fakes";

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

describe("a binary frame", () => {
  it("is read as the server packs it", () => {
    // convonet.protocol.frames: FrameHeader(ANSWER_PCM16, 0x0201, 70_000, 2**40 + 5, is_last=True).pack()
    const packed = bytes("02010102701101000500000000010000" + "ff7f0180");
    expect(parseFrame(packed.buffer)).toEqual({
      kind: "answer",
      turnNumber: 0x0201,
      firstSample: 70_000,
      seq: 2 ** 40 + 5,
      isLast: true,
      pcm: Int16Array.of(32_767, -32_767),
    });
  });

  it("of a talk is packed as the server reads it", () => {
    // FrameHeader(TALK_PCM16, 0, 640).pack()
    const packed = bytes("04000000800200000000000000000000" + "0102");
    expect(new Uint8Array(talkFrame(Uint8Array.of(1, 2).buffer, 640))).toEqual(packed);
    expect(parseFrame(packed.buffer)).toMatchObject({ kind: "talk", firstSample: 640, seq: 0, isLast: false });
  });

  it("may contain no audio, and half a sample at its end is dropped", () => {
    expect(parseFrame(soundFrame([], { isLast: true }))?.pcm).toHaveLength(0);
    expect(parseFrame(soundFrame([1, 2]).slice(0, -1))?.pcm).toEqual(Int16Array.of(1));
  });

  it("that is too short or of another kind is ignored", () => {
    expect(parseFrame(new ArrayBuffer(15))).toBeNull();
    for (const kind of [0, 1, 3, 5]) expect(parseFrame(soundFrame([1], { kind }))).toBeNull();
  });
});
