import { beforeEach, describe, expect, it } from "vitest";
import { parseFrame } from "../src/voice/frames";
import { Player, type SpokenFile } from "../src/voice/player";
import { processingStart, soundFrame } from "./fakes";
import { FakeOutput, settled, soundMs } from "./fake-output";

const PER_MS = 24; // samples of an answer
const FADE_MS = 10;

let output: FakeOutput;
let playing: boolean[];
let player: Player;

beforeEach(async () => {
  output = new FakeOutput();
  playing = [];
  player = new Player(output, (on) => playing.push(on));
  player.begin(processingStart("t-1", "u-1", 1, 1));
  player.begin(processingStart("t-2", "u-2", 2, 2));
  await settled();
});

function file(turn: string | null, index: number, tenths: number, loudness = 50): SpokenFile {
  return { key: `${turn ?? "greeting"}/${index}`, turn, seq: 10 + index, audio: Uint8Array.of(tenths, loudness) };
}

interface Piece {
  turn?: number;
  fromMs: number;
  ms: number;
  seq: number;
  isLast?: boolean;
  loudness?: number;
}

/** A frame of an answer of constant loudness. */
function answer({ turn = 1, fromMs, ms, seq, isLast = false, loudness = 0.5 }: Piece): string | null {
  const samples = new Int16Array(ms * PER_MS).fill(loudness * 0x8000);
  const frame = parseFrame(soundFrame(samples, { turnNumber: turn, firstSample: fromMs * PER_MS, seq, isLast }));
  if (!frame) throw new Error("no frame");
  return player.playFrame(frame);
}

async function heardAfter(ms: number): Promise<number> {
  await settled();
  return soundMs(output.play(ms));
}

describe("a streamed answer", () => {
  it("is continuous, without gaps between its frames", async () => {
    for (let index = 0; index < 10; index += 1) answer({ fromMs: 40 * index, ms: 40, seq: 3 + index });
    expect(answer({ fromMs: 400, ms: 0, seq: 13, isLast: true })).toBe("t-1");
    await settled();
    const heard = output.play(395).slice(15 * 48);
    expect(Math.min(...heard)).toBeGreaterThan(0.49);
    expect(playing).toEqual([true]);
    output.play(20);
    expect(playing).toEqual([true, false]);
  });

  it("may be one frame", async () => {
    expect(answer({ fromMs: 0, ms: 100, seq: 3, isLast: true })).toBe("t-1");
    expect(await heardAfter(200)).toBeCloseTo(100 + FADE_MS, 0);
  });

  it("that is repeated from its start continues where the page has it", async () => {
    answer({ fromMs: 0, ms: 300, seq: 3 });
    await settled();
    output.play(100);
    player.begin(processingStart("t-1", "u-1", 20, 1));
    answer({ fromMs: 0, ms: 200, seq: 21 });
    answer({ fromMs: 200, ms: 200, seq: 22 });
    answer({ fromMs: 400, ms: 100, seq: 23, isLast: true });
    const all = [...output.heard, ...output.play(600)];
    expect(soundMs(all)).toBeCloseTo(500 + FADE_MS, 0);
    expect(playing).toEqual([true, false]);
  });

  it("with another number is another answer, even if its turn was stopped", async () => {
    answer({ fromMs: 0, ms: 200, seq: 3 });
    await settled();
    output.play(100);
    player.stop(["t-1"]);
    player.begin(processingStart("t-1", "u-1", 20, 7));
    answer({ turn: 7, fromMs: 0, ms: 300, seq: 22, isLast: true, loudness: 0.3 });
    const heard = output.play(600).slice(FADE_MS * 48);
    expect(soundMs(heard)).toBeCloseTo(300, -1);
    expect(Math.max(...heard)).toBeLessThan(0.4);
  });

  it("of a new call is independent of one with the same number in the call before", async () => {
    answer({ fromMs: 0, ms: 200, seq: 3, isLast: true });
    await heardAfter(300);
    player.begin(processingStart("t-9", "u-9", 1, 1));
    answer({ fromMs: 0, ms: 200, seq: 2, isLast: true });
    expect(await heardAfter(300)).toBeCloseTo(200 + FADE_MS, 0);
  });

  it("that was played to its end is not played again", async () => {
    answer({ fromMs: 0, ms: 200, seq: 3, isLast: true });
    await heardAfter(300);
    expect(answer({ fromMs: 0, ms: 200, seq: 23, isLast: true })).toBe("t-1");
    expect(await heardAfter(300)).toBe(0);
  });

  it("that has a gap does not count as speaking until it continues", async () => {
    answer({ fromMs: 0, ms: 100, seq: 3 });
    await heardAfter(500);
    expect(playing).toEqual([true, false]);
    answer({ fromMs: 100, ms: 200, seq: 4 });
    expect(playing).toEqual([true, false, true]);
    expect(await heardAfter(400)).toBeGreaterThan(190);
  });
});

describe("files", () => {
  it("are played in order, without a gap", async () => {
    player.playFile(file("t-1", 0, 2));
    player.playFile(file("t-1", 1, 3));
    await settled();
    const heard = output.play(495).slice(15 * 48);
    expect(Math.min(...heard)).toBe(0.5);
    output.play(50);
    expect(playing).toEqual([true, false]);
  });

  it("that are repeated are played once", async () => {
    player.playFile(file("t-1", 0, 2));
    await heardAfter(300);
    player.playFile(file("t-1", 0, 2));
    expect(await heardAfter(300)).toBe(0);
  });

  it("that can't be decoded are skipped", async () => {
    player.playFile(file("t-1", 0, 0));
    player.playFile(file("t-1", 1, 1));
    expect(await heardAfter(300)).toBeCloseTo(100 + FADE_MS, 0);
    expect(player.unheardSeq).toBeNull();
  });

  it("wait until the answer before them is over", async () => {
    answer({ fromMs: 0, ms: 100, seq: 3, loudness: 0.5 });
    player.playFile(file(null, 0, 1, 20));
    answer({ fromMs: 100, ms: 100, seq: 4, isLast: true, loudness: 0.5 });
    await settled();
    const heard = output.play(320).map((sample) => Math.round(10 * sample));
    expect(heard.lastIndexOf(5)).toBeLessThan(heard.indexOf(2, 15 * 48)); // after its rise
    expect(soundMs(heard)).toBeGreaterThan(290);
  });

  it("do not wait for an answer that has broken off", async () => {
    answer({ fromMs: 0, ms: 100, seq: 3 });
    player.playFile(file(null, 0, 1));
    expect(await heardAfter(800)).toBeGreaterThan(190);
    player.playFile(file(null, 1, 1));
    expect(await heardAfter(300)).toBeGreaterThan(90);
  });
});

describe("audio that was not played", () => {
  it("begins with the first frame or file that was not played to its end", async () => {
    expect(player.unheardSeq).toBeNull();
    answer({ fromMs: 0, ms: 100, seq: 10 });
    answer({ fromMs: 100, ms: 100, seq: 11, isLast: true });
    player.playFile(file("t-1", 2, 1));
    await heardAfter(50);
    expect(player.unheardSeq).toBe(10);
    output.play(100);
    expect(player.unheardSeq).toBe(11);
    output.play(100);
    expect(player.unheardSeq).toBe(12);
    output.play(200);
    expect(player.unheardSeq).toBeNull();
  });

  it("of a streamed answer is known to 50 ms, and excludes the device's buffer", async () => {
    output.outputLatency = 0.04;
    answer({ fromMs: 0, ms: 400, seq: 10 });
    await heardAfter(202);
    expect(player.heard).toEqual([{ turn: "t-1", turnNumber: 1, samples: 160 * PER_MS }]);
  });

  it("is what a reloaded page plays", async () => {
    player = new Player(output, (on) => playing.push(on), [{ turn: "t-1", turnNumber: 1, samples: 160 * PER_MS }]);
    answer({ fromMs: 100, ms: 100, seq: 11 });
    answer({ fromMs: 200, ms: 100, seq: 12, isLast: true });
    expect(await heardAfter(400)).toBeCloseTo(140 + FADE_MS, 0);
  });
});

describe("barge-in", () => {
  it("drops playing and queued audio, and the rest of the turn", async () => {
    answer({ fromMs: 0, ms: 300, seq: 3 });
    player.playFile(file(null, 0, 2));
    await settled();
    output.play(100);
    player.stop(["t-1"]);
    answer({ fromMs: 300, ms: 300, seq: 4, isLast: true });
    expect(await heardAfter(1_000)).toBeLessThanOrEqual(FADE_MS);
    expect(playing).toEqual([true, false]);
    expect(player.unheardSeq).toBeNull();
    expect(player.heard).toEqual([]);
  });

  it("silences a complete answer whose turn is over for the server", async () => {
    answer({ fromMs: 0, ms: 300, seq: 3, isLast: true });
    await settled();
    output.play(100);
    player.stop([]);
    answer({ fromMs: 0, ms: 400, seq: 33, isLast: true });
    expect(await heardAfter(1_000)).toBeLessThanOrEqual(FADE_MS);
  });

  it("lets the next turn play at once", async () => {
    answer({ fromMs: 0, ms: 5_000, seq: 3 });
    await settled();
    output.play(100);
    player.stop(["t-1"]);
    answer({ turn: 2, fromMs: 0, ms: 100, seq: 4, isLast: true, loudness: 0.3 });
    const heard = output.play(150).map((sample) => Math.round(10 * sample));
    expect(heard.indexOf(3)).toBeLessThan(15 * 48);
    expect(playing).toEqual([true, false, true, false]);
  });

  it("before the first sample leaves nothing to play", async () => {
    player.playFile(file("t-1", 0, 2));
    player.stop(["t-1"]);
    expect(await heardAfter(500)).toBe(0);
    player.playFile(file("t-2", 0, 1));
    expect(await heardAfter(200)).toBeGreaterThan(90);
    expect(playing.at(-1)).toBe(false);
  });
});

it("an answer that arrives while the caller speaks waits until they have finished", async () => {
  player.hold(true);
  answer({ fromMs: 0, ms: 200, seq: 3, isLast: true });
  expect(await heardAfter(500)).toBe(0);
  player.hold(false);
  expect(await heardAfter(500)).toBeCloseTo(200 + FADE_MS, 0);
});
