import { beforeEach, describe, expect, it } from "vitest";
import { JitterBuffer } from "../src/audio/jitter-buffer";

const PER_MS = 16;
const SLICE_MS = 20;
const QUANTUM = 128; // samples per callback of the audio thread
const FADE_MS = 5;
const MAX_MS = 160;
const SPARE_MS = 60;
const HZ = 440;
const LOUDNESS = 0.5;

let buffer: JitterBuffer;
/** Samples of the sender's tone so far. */
let sent: number;

beforeEach(() => {
  buffer = new JitterBuffer();
  sent = 0;
});

function tone(sample: number): number {
  return LOUDNESS * Math.sin((2 * Math.PI * HZ * sample) / (1_000 * PER_MS));
}

/** Delivers audio from the network, in slices of 20 ms and a rest. */
function comes(ms = SLICE_MS): void {
  for (let left = ms * PER_MS; left > 0; left -= SLICE_MS * PER_MS) {
    const length = Math.min(left, SLICE_MS * PER_MS);
    buffer.push(Int16Array.from({ length }, () => Math.round(0x7fff * tone(sent++))));
  }
}

function played(ms: number): number[] {
  const output = new Float32Array(ms * PER_MS);
  buffer.render(output);
  return [...output];
}

function isSilent(ms: number): boolean {
  return played(ms).every((sample) => sample === 0);
}

/** Plays until the buffer is empty and its fade is over. */
function runDry(): void {
  while (!isSilent(8));
}

/** Plays a steady stream. */
function flows(ms: number): void {
  for (let now = 0; now < ms; now += SLICE_MS) {
    comes();
    played(SLICE_MS);
  }
}

/** The largest bend of the sound, as a share of the tone's own: a click bends more. */
class Bend {
  private before: [number, number] = [NaN, NaN];
  max = 0;

  add(sample: number): void {
    const [first, second] = this.before;
    const bend = Math.abs(first - 2 * second + sample);
    if (bend > this.max) this.max = bend; // not a number at the first two
    this.before = [second, sample];
  }

  get share(): number {
    return this.max / (LOUDNESS * (2 * Math.sin((Math.PI * HZ) / (1_000 * PER_MS))) ** 2);
  }
}

describe("the start of a talk", () => {
  it("is buffered for 30 ms, and then played in order and completely", () => {
    comes(20);
    expect(isSilent(40)).toBe(true);
    comes(10);
    const first = played(20);
    // after a short fade it is the sender's audio, sample by sample
    for (const index of [FADE_MS * PER_MS, 100, 200, 319]) expect(first[index]).toBeCloseTo(tone(index), 3);
    comes(20);
    expect(played(8)[0]).toBeCloseTo(tone(320), 3);
  });

  it("is not delayed for longer than that by a steady stream", () => {
    flows(60_000);
    expect(buffer.wantedMs).toBe(30);
    comes();
    expect(buffer.bufferedMs).toBeLessThan(45);
  });
});

describe("a gap", () => {
  it("is silent, after a fade and not with a click", () => {
    comes(40);
    const bend = new Bend();
    for (const sample of played(60)) bend.add(sample);
    expect(bend.share).toBeLessThan(8); // a click bends 30 times more than the tone
    expect(isSilent(1_000)).toBe(true);
  });

  it("lengthens the buffer by what the slice was late, and not by more", () => {
    comes(40);
    played(39);
    for (const late of [20, 35]) {
      const before = buffer.wantedMs;
      runDry();
      played(late);
      comes();
      const grown = buffer.wantedMs - before;
      expect(grown).toBeGreaterThan(late);
      expect(grown).toBeLessThan(late + 25); // the play that found it dry, and a margin
      comes(100);
    }
  });

  it("lengthens the buffer to 160 ms at most", () => {
    for (let times = 0; times < 10; times += 1) {
      comes(MAX_MS);
      runDry();
      played(60);
    }
    comes();
    expect(buffer.wantedMs).toBe(MAX_MS);
  });

  it("longer than any buffer teaches nothing: somebody was on hold", () => {
    comes(40);
    runDry();
    played(5_000);
    comes(40);
    expect(buffer.wantedMs).toBe(30);
    expect(isSilent(8)).toBe(false);
  });
});

it("a buffer that is no longer needed shrinks again, and what it holds is played faster, not dropped", () => {
  comes(40);
  runDry();
  played(70);
  comes(100);
  const wanted = buffer.wantedMs;
  expect(wanted).toBeGreaterThan(90);
  const bend = new Bend();
  for (let ms = 0; ms < 60_000; ms += SLICE_MS) {
    comes();
    for (const sample of played(SLICE_MS)) if (ms > 1_000) bend.add(sample);
  }
  expect(buffer.wantedMs).toBe(30);
  comes();
  expect(buffer.bufferedMs).toBeLessThan(50);
  expect(bend.share).toBeLessThan(1.3);
});

describe("a burst", () => {
  it("beyond 60 ms more than wanted loses its oldest part, and the talk is not late afterwards", () => {
    comes(100);
    expect(buffer.bufferedMs).toBe(30);
    expect(played(20)[200]).toBeCloseTo(tone(70 * PER_MS + 200), 3);
  });

  it("is cut without a click", () => {
    flows(1_000);
    const bend = new Bend();
    for (let index = 0; index < QUANTUM; index += 1) bend.add(played(1 / PER_MS)[0] ?? 0);
    comes(200);
    for (const sample of played(20)) bend.add(sample);
    expect(bend.share).toBeLessThan(3);
  });

  it("never makes the delay longer than the bound, whatever the network does", () => {
    let random = 1;
    for (let step = 0; step < 20_000; step += 1) {
      random = (random * 48_271) % 0x7fffffff;
      if (random % 3 === 0) comes((random % 15) * SLICE_MS);
      played(8 * (random % 7));
      expect(buffer.bufferedMs).toBeLessThanOrEqual(MAX_MS + SPARE_MS);
    }
  });
});

it("jitter of 60 ms costs a few gaps at first, and then none", () => {
  const gapsIn: number[] = [];
  let random = 7;
  let due = 0;
  for (let minute = 0; minute < 3; minute += 1) {
    let gaps = 0;
    for (let ms = 0; ms < 60_000; ms += 8) {
      const now = minute * 60_000 + ms;
      // each slice is up to 60 ms late and none overtakes another
      while (due <= now) {
        comes();
        random = (random * 48_271) % 0x7fffffff;
        const sentAt = (sent / (SLICE_MS * PER_MS)) * SLICE_MS;
        due = Math.max(due, sentAt + (random % 60));
      }
      if (now > 500 && isSilent(8)) gaps += 1;
      else if (now <= 500) played(8);
    }
    gapsIn.push(gaps);
  }
  expect(gapsIn[0]).toBeLessThan(40);
  expect(gapsIn.slice(1).every((gaps) => gaps <= 2)).toBe(true);
});

describe("an hour with two sound cards whose clocks differ", () => {
  it.each([100, -100])(
    "by %i ppm is never later than at its start, has no gap, and does not click",
    (ppm) => {
      const minutes = 60;
      const bend = new Bend();
      const output = new Float32Array(QUANTUM);
      const perSlice = SLICE_MS * PER_MS * (1 - ppm / 1e6); // our samples per slice of the sender
      const cycle = Float64Array.from({ length: 4_000 }, (_, index) => Math.round(0x7fff * tone(index)));
      const slice = new Int16Array(SLICE_MS * PER_MS);
      let [due, longest] = [0, 0];
      for (let now = 0; now < minutes * 60_000 * PER_MS; now += QUANTUM) {
        for (; due <= now; due += perSlice) {
          for (let index = 0; index < slice.length; index += 1) slice[index] = cycle[sent++ % 4_000] ?? 0;
          buffer.push(slice);
          longest = Math.max(longest, buffer.bufferedMs);
        }
        buffer.render(output);
        if (now > 1_000 * PER_MS) for (const sample of output) bend.add(sample);
      }
      expect(longest).toBeLessThan(50);
      expect(buffer.wantedMs).toBe(30); // a gap would have made it longer
      expect(bend.share).toBeLessThan(1.1);
    },
    120_000,
  );
});
