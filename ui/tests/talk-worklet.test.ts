import { expect, it } from "vitest";
import { Worklet } from "./audio-thread";
import "../src/audio/talk-worklet";

it("a talk is played on the audio thread through the jitter buffer", () => {
  const worklet = new Worklet("talk");
  const slice = () => new Int16Array(320).fill(8_192).buffer;
  worklet.post(slice());
  expect(worklet.play().every((sample) => sample === 0)).toBe(true);
  worklet.post(slice());
  expect(worklet.play(2).at(-1)).toBeCloseTo(0.25, 3);
});
