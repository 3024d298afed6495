import { describe, expect, it } from "vitest";
import { Resampler } from "../src/voice/resampler";

const FROM = 24_000;
const RATES = [16_000, 22_050, 24_000, 44_100, 48_000, 96_000];

function tone(hz: number, rate: number, samples: number): Float32Array {
  return Float32Array.from({ length: samples }, (_, index) => Math.sin((2 * Math.PI * hz * index) / rate));
}

function resample(samples: Float32Array, to: number, pieces = [samples.length]): Float32Array {
  const resampler = new Resampler(FROM, to);
  const made: number[] = [];
  let start = 0;
  pieces.forEach((length, index) => {
    made.push(...resampler.push(samples.subarray(start, start + length), index === pieces.length - 1));
    start += length;
  });
  return Float32Array.from(made);
}

/** Level of a tone in the samples, in decibels below full scale, without the transients at both ends. */
function level(samples: Float32Array, hz: number, rate: number): number {
  let [real, imaginary] = [0, 0];
  const inner = samples.subarray(200, -200);
  inner.forEach((sample, index) => {
    const window = 1 - Math.cos((2 * Math.PI * index) / inner.length);
    real += sample * window * Math.cos((2 * Math.PI * hz * index) / rate);
    imaginary += sample * window * Math.sin((2 * Math.PI * hz * index) / rate);
  });
  return 20 * Math.log10((2 * Math.hypot(real, imaginary)) / inner.length + 1e-9);
}

describe("an answer at the rate of the page's audio", () => {
  it.each(RATES)("has as many samples as its length needs at %i Hz", (to) => {
    expect(resample(tone(440, FROM, FROM), to)).toHaveLength(to);
  });

  it.each(RATES)("does not depend on how it is divided into pieces, at %i Hz", (to) => {
    const whole = tone(440, FROM, 2_400);
    const pieces = [1, 7, 0, 480, 3, 1_000, 15, 16, 17, 861];
    expect(resample(whole, to, pieces)).toEqual(resample(whole, to));
  });

  it.each(RATES)("sounds the same at %i Hz", (to) => {
    const made = resample(tone(1_000, FROM, FROM), to);
    const wanted = tone(1_000, to, to);
    const worst = Math.max(
      ...made.subarray(100, -100).map((sample, index) => Math.abs(sample - (wanted[index + 100] ?? 9))),
    );
    expect(worst).toBeLessThan(0.002);
  });

  it("keeps the highest tones of speech, without audible aliases", () => {
    const made = resample(tone(9_000, FROM, FROM), 48_000);
    expect(level(made, 9_000, 48_000)).toBeGreaterThan(-1);
    expect(level(made, 15_000, 48_000)).toBeLessThan(-55);
  });

  it("contains nothing that a lower rate can't represent", () => {
    const made = resample(tone(10_000, FROM, FROM), 16_000);
    expect(level(made, 6_000, 16_000)).toBeLessThan(-55);
  });
});
