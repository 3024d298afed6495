import { describe, expect, it } from "vitest";
import { Worklet } from "./audio-thread";
import "../src/audio/pcm-worklet";

function samples(posted: unknown): number[] {
  return [...new Int16Array(posted as ArrayBuffer)];
}

describe("microphone audio", () => {
  it("is posted in slices of the requested length, as PCM16", () => {
    const worklet = new Worklet("pcm16", { sliceSamples: 4 });
    worklet.feed(0, 0.5, -0.5);
    expect(worklet.posted).toEqual([]);
    worklet.feed(1, -1, 0.25);
    expect(worklet.posted.map(samples)).toEqual([[0, 16_383, -16_383, 32_767]]);
    worklet.feed(0, 0);
    expect(worklet.posted.map(samples)[1]).toEqual([-32_767, 8_191, 0, 0]);
  });

  it("is clipped where it is too loud, and never wraps around", () => {
    const worklet = new Worklet("pcm16", { sliceSamples: 2 });
    worklet.feed(1.5, -3);
    expect(worklet.posted.map(samples)).toEqual([[32_767, -32_767]]);
  });

  it("is posted to its last sample when the page asks for it", () => {
    const worklet = new Worklet("pcm16", { sliceSamples: 4 });
    worklet.feed(0.5);
    worklet.post("flush");
    expect(samples(worklet.posted[0])).toEqual([16_383]);
    expect(worklet.posted[1]).toBe("flushed");
    worklet.feed(0, 0, 0, 0);
    expect(samples(worklet.posted[2])).toHaveLength(4);
  });

  it("is absent while no microphone is connected", () => {
    const worklet = new Worklet("pcm16", { sliceSamples: 1 });
    worklet.feed();
    expect(worklet.posted).toEqual([]);
  });
});
