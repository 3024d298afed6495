import { beforeEach, describe, expect, it } from "vitest";
import { Player, type PlayerOutput, type SpokenChunk } from "../src/voice/player";

class FakeSource extends EventTarget {
  buffer: AudioBuffer | null = null;
  startedAt: number | null = null;
  stopped = false;
  connect(): void {
    // into nothing
  }
  start(at: number): void {
    this.startedAt = at;
  }
  stop(): void {
    this.stopped = true;
  }
  end(): void {
    this.dispatchEvent(new Event("ended"));
  }
}

let sources: FakeSource[];
let playing: boolean[];
let player: Player;

/** Each chunk's only byte is its length in seconds; 0 can't be decoded. */
const context = {
  currentTime: 10,
  decodeAudioData: (audio: ArrayBuffer) => {
    const seconds = new Uint8Array(audio)[0] ?? 0;
    return seconds === 0 ? Promise.reject(new Error("no audio")) : Promise.resolve({ duration: seconds });
  },
  createBufferSource: () => {
    const source = new FakeSource();
    sources.push(source);
    return source;
  },
};

beforeEach(() => {
  sources = [];
  playing = [];
  player = new Player({ context, destination: {} } as unknown as PlayerOutput, (on) => playing.push(on));
});

function chunk(turn: string, index: number, seconds: number): SpokenChunk {
  return { key: `${turn}/${index}`, turn, seq: 10 + index, audio: Uint8Array.of(seconds) };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

describe("the answer's audio", () => {
  it("is played chunk after chunk without a gap", async () => {
    player.play(chunk("t-1", 0, 2));
    player.play(chunk("t-1", 1, 3));
    await settle();
    const [first, second] = sources.map((source) => source.startedAt ?? NaN);
    expect(first).toBeGreaterThanOrEqual(10);
    expect(second).toBe((first ?? NaN) + 2);
  });

  it("is over when its last chunk has ended", async () => {
    player.play(chunk("t-1", 0, 2));
    player.play(chunk("t-1", 1, 3));
    await settle();
    sources[0]?.end();
    expect(playing.at(-1)).toBe(true);
    sources[1]?.end();
    expect(playing.at(-1)).toBe(false);
  });

  it("told again is played once", async () => {
    player.play(chunk("t-1", 0, 2));
    await settle();
    sources[0]?.end();
    player.play(chunk("t-1", 0, 2));
    await settle();
    expect(sources).toHaveLength(1);
  });

  it("skips what can't be decoded", async () => {
    player.play(chunk("t-1", 0, 0));
    player.play(chunk("t-1", 1, 1));
    await settle();
    expect(sources).toHaveLength(1);
  });

  it("knows from where on it was not heard", async () => {
    expect(player.unheardSeq).toBeNull();
    player.play(chunk("t-1", 0, 2));
    player.play(chunk("t-1", 1, 2));
    await settle();
    expect(player.unheardSeq).toBe(10);
    sources[0]?.end();
    expect(player.unheardSeq).toBe(11);
    sources[1]?.end();
    expect(player.unheardSeq).toBeNull();
  });
});

describe("barge-in", () => {
  it("drops what plays, what is queued, and the rest of the turn", async () => {
    player.play(chunk("t-1", 0, 2));
    await settle();
    player.play(chunk("t-1", 1, 2));
    player.stop(["t-1"]);
    player.play(chunk("t-1", 2, 2));
    await settle();
    expect(sources.map((source) => source.stopped)).toEqual([true]);
    expect(playing.at(-1)).toBe(false);
    expect(player.unheardSeq).toBeNull();
  });

  it("leaves the next turn to be heard at once", async () => {
    player.play(chunk("t-1", 0, 60));
    await settle();
    player.stop(["t-1"]);
    player.play(chunk("t-2", 0, 1));
    await settle();
    expect(sources[1]?.startedAt).toBeLessThan(11);
  });
});

it("an answer that comes while the caller speaks waits until they have finished", async () => {
  player.hold(true);
  player.play(chunk("t-1", 0, 2));
  await settle();
  expect(sources).toEqual([]);
  player.hold(false);
  await settle();
  expect(sources).toHaveLength(1);
});
