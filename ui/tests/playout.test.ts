import { beforeEach, describe, expect, it } from "vitest";
import type { PlayoutReport } from "../src/voice/playout";
import { RATE, Worklet } from "./audio-thread";
import "../src/voice/playout-worklet";

const MS = RATE / 1_000;
const QUANTUM = 128;
/** Length of the fade after a cut. */
const FADE_MS = 10;

let playout: Worklet;

beforeEach(() => {
  playout = new Worklet("playout");
});

/** Adds audio of constant loudness. */
function comes(ms: number, loudness = 0.5): void {
  playout.post({ type: "add", samples: new Float32Array(ms * MS).fill(loudness) });
}

function ends(): void {
  playout.post({ type: "end" });
}

function played(ms: number): number[] {
  return playout.play(Math.ceil((ms * MS) / QUANTUM));
}

function isSilent(ms: number): boolean {
  return played(ms).every((sample) => sample === 0);
}

/** The greatest change between two samples: a click is as large as the sound itself. */
function steepest(samples: readonly number[]): number {
  return Math.max(...samples.slice(1).map((sample, index) => Math.abs(sample - (samples[index] ?? 0))));
}

function lastReport(): PlayoutReport {
  return playout.posted.at(-1) as PlayoutReport;
}

function heardMs(samples: readonly number[]): number {
  return samples.filter((sample) => sample !== 0).length / MS;
}

describe("an answer that arrives faster than it is played", () => {
  it("starts once 60 ms are buffered, and is played to its last sample", () => {
    comes(20);
    comes(20);
    expect(isSilent(3)).toBe(true);
    comes(20);
    ends();
    expect(heardMs(played(80))).toBeCloseTo(60 + FADE_MS, 1);
    expect(lastReport()).toEqual({ flushes: 0, played: 60 * MS, state: "over", underruns: 0 });
  });

  it("that is shorter starts once it is complete", () => {
    comes(10);
    ends();
    expect(isSilent(3)).toBe(false);
  });

  it("has no gap between its pieces", () => {
    for (let piece = 0; piece < 10; piece += 1) comes(30);
    const whole = played(290);
    expect(whole.slice(10 * MS).every((sample) => sample === 0.5)).toBe(true);
  });

  it("never loses a sample, however long it is", () => {
    for (let piece = 0; piece < 60; piece += 1) comes(1_000);
    ends();
    expect(heardMs(played(61_000))).toBeCloseTo(60_000 + FADE_MS, 1);
  });

  it("is followed by the next without a gap", () => {
    comes(100);
    ends();
    comes(100);
    ends();
    const both = played(190);
    expect(both.slice(10 * MS).every((sample) => sample === 0.5)).toBe(true);
  });
});

describe("an answer that arrives as slowly as it is played", () => {
  it("starts after 60 ms with the audio that is there", () => {
    comes(20);
    expect(isSilent(57)).toBe(true);
    expect(isSilent(6)).toBe(false);
  });

  it("waits twice as long after each gap, at most 480 ms", () => {
    for (const needed of [60, 120, 240, 480, 480]) {
      comes(needed - 3);
      expect(isSilent(2), `${needed} ms are not there yet`).toBe(true);
      comes(4);
      expect(isSilent(5), `${needed} ms are there`).toBe(false);
      while (!isSilent(8));
    }
    ends();
    played(5);
    expect(lastReport()).toMatchObject({ underruns: 5, state: "over" });
    comes(61);
    expect(isSilent(5), "the next answer starts afresh").toBe(false);
  });

  it("falls silent and resumes without a click", () => {
    comes(70);
    const gap = played(150);
    comes(200);
    const all = [...gap, ...played(150)];
    expect(steepest(all)).toBeLessThan(0.5 / (9 * MS));
    expect(all.at(-1)).toBe(0.5);
  });

  it("reports when nothing was played for 300 ms", () => {
    comes(70);
    played(70 + 290);
    expect(lastReport().state).toBe("playing");
    played(20);
    expect(lastReport()).toMatchObject({ state: "starved", played: 70 * MS });
  });

  it("is over if its end arrives after a gap", () => {
    comes(70);
    played(500);
    ends();
    played(5);
    expect(lastReport()).toMatchObject({ state: "over", played: 70 * MS });
  });
});

describe("audio that is cut off", () => {
  it("is silent after 10 ms, without a click, and never comes back", () => {
    comes(1_000);
    const before = played(100);
    playout.post({ type: "flush" });
    const after = played(100);
    expect(heardMs(after)).toBeLessThan(FADE_MS + 0.1);
    expect(steepest([...before.slice(-1), ...after])).toBeLessThan(0.5 / (9 * MS));
    expect(isSilent(2_000)).toBe(true);
  });

  it("does not delay the next answer, and is not counted with it", () => {
    comes(1_000);
    played(100);
    playout.post({ type: "flush" });
    comes(60);
    ends();
    expect(heardMs(played(75))).toBeCloseTo(60 + FADE_MS, 1);
    expect(lastReport()).toEqual({ flushes: 1, played: 60 * MS, state: "over", underruns: 0 });
  });

  it("twice within its fade does not click either", () => {
    comes(1_000);
    const all = played(100);
    playout.post({ type: "flush" });
    comes(1_000);
    all.push(...played(4));
    playout.post({ type: "flush" });
    all.push(...played(20));
    expect(steepest(all)).toBeLessThan(2 * (0.5 / (9 * MS)));
  });
});

describe("while the caller speaks", () => {
  it("an answer does not start, and is then played completely", () => {
    playout.post({ type: "hold", on: true });
    comes(100);
    ends();
    expect(isSilent(500)).toBe(true);
    playout.post({ type: "hold", on: false });
    expect(heardMs(played(150))).toBeCloseTo(100 + FADE_MS, 1);
  });

  it("a playing answer pauses without a click and continues where it was", () => {
    comes(300);
    ends();
    const all = played(100);
    playout.post({ type: "hold", on: true });
    all.push(...played(100));
    expect(all.at(-1)).toBe(0);
    playout.post({ type: "hold", on: false });
    all.push(...played(300));
    expect(steepest(all)).toBeLessThan(0.5 / (9 * MS));
    // the fading audio is played again
    expect(heardMs(all)).toBeCloseTo(300 + 2 * FADE_MS, 1);
    expect(lastReport()).toMatchObject({ state: "over", played: 300 * MS });
  });
});

it("progress is reported every 50 ms", () => {
  comes(500);
  played(210);
  const told = playout.posted.map((report) => (report as PlayoutReport).played / MS);
  expect(told).toEqual([50, 100, 150, 200]);
});
