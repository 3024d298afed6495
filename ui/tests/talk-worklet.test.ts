import { beforeEach, describe, expect, it } from "vitest";
import { Worklet } from "./audio-thread";
import "../src/audio/talk-worklet";

const PER_MS = 16;
const SLICE = 20 * PER_MS;

let worklet: Worklet;
/** Samples are numbered, so that the output shows which ones are played; 0 is silence. */
let number: number;

beforeEach(() => {
  worklet = new Worklet("talk");
  number = 0;
});

/** Delivers audio from the network, in slices of 20 ms and a rest. */
function comes(ms: number): void {
  for (let left = ms * PER_MS; left > 0; left -= SLICE) {
    const slice = Int16Array.from({ length: Math.min(left, SLICE) }, () => (number = (number % 30_000) + 1));
    worklet.post(slice.buffer);
  }
}

/** The numbers of the samples that are played in this time. */
function played(ms: number): number[] {
  return worklet.play(Math.ceil((ms * PER_MS) / 128)).map((sample) => Math.round(sample * 0x8000));
}

function isSilent(ms: number): boolean {
  return played(ms).every((sample) => sample === 0);
}

/** Plays until the buffer is empty. */
function runDry(): void {
  while (!isSilent(8));
}

describe("audio from the human", () => {
  it("is buffered for 30 ms, and then played in order and completely", () => {
    comes(20);
    expect(isSilent(40)).toBe(true);
    comes(10);
    const first = played(16);
    expect(first).toEqual(Array.from({ length: first.length }, (_, index) => index + 1));
    const second = played(8);
    expect(second[0]).toBe(first.length + 1);
  });

  it("drops its oldest part when too much is buffered, and is not late afterwards", () => {
    comes(100);
    // 90 ms may be buffered: twice the wanted buffer, and a slice and a half
    const [first = 0] = played(8);
    expect(first).toBe(70 * PER_MS + 1);
    comes(60);
    expect(played(8)[0]).toBe(first + 8 * PER_MS);
  });

  it("is silent when nothing arrives", () => {
    comes(30);
    const last = played(40);
    expect(last.slice(0, 30 * PER_MS).every((sample) => sample > 0)).toBe(true);
    expect(last.slice(30 * PER_MS).every((sample) => sample === 0)).toBe(true);
    expect(isSilent(1_000)).toBe(true);
  });

  it("is buffered twice as long after a gap, at most 160 ms", () => {
    for (const needed of [30, 60, 120, 160, 160]) {
      comes(needed - 1);
      expect(isSilent(8), `${String(needed)} ms are not there yet`).toBe(true);
      comes(1);
      expect(isSilent(8), `${String(needed)} ms are there`).toBe(false);
      runDry();
    }
  });

  it("is buffered less again after five seconds without a gap", () => {
    comes(30);
    runDry();
    comes(60);
    for (let ms = 0; ms < 5_040; ms += 8) {
      comes(8);
      expect(isSilent(8)).toBe(false);
    }
    runDry();
    // twice the 30 ms of before the gap, not four times
    comes(59);
    expect(isSilent(8)).toBe(true);
    comes(1);
    expect(isSilent(8)).toBe(false);
  });
});
