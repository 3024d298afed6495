import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parseFrame } from "../src/voice/frames";
import { TalkAudio } from "../src/audio/talk-audio";

vi.mock("../src/audio/talk-worklet.ts?worker&url", () => ({ default: "talk.js" }));
vi.mock("../src/audio/pcm-worklet.ts?worker&url", () => ({ default: "pcm.js" }));

/** Everything that the page's audio has opened, in order. */
let contexts: FakeContext[];
let worklets: FakeWorklet[];
let tracks: { stopped: boolean }[];
let refusal: DOMException | null;
let isUnsupported: boolean;

class FakeContext {
  closed = false;
  readonly gain = { value: 1 };
  readonly audioWorklet = {
    addModule: () => (isUnsupported ? Promise.reject(new Error("no worklet")) : Promise.resolve()),
  };

  constructor() {
    contexts.push(this);
  }

  createGain() {
    return { gain: this.gain, connect: (target: unknown) => target };
  }

  createMediaStreamSource() {
    return { connect: () => undefined };
  }

  close() {
    this.closed = true;
    return Promise.resolve();
  }
}

class FakeWorklet {
  readonly played: ArrayBuffer[] = [];
  readonly port = {
    onmessage: null as ((event: { data: ArrayBuffer }) => void) | null,
    postMessage: (pcm: ArrayBuffer) => this.played.push(pcm),
  };

  constructor(
    _context: FakeContext,
    readonly name: string,
  ) {
    worklets.push(this);
  }

  connect(target: unknown) {
    return target;
  }
}

function openMicrophone() {
  if (refusal) return Promise.reject(refusal);
  const track = { stopped: false, stop: () => (track.stopped = true) };
  tracks.push(track);
  const whole = { ...track, addEventListener: () => undefined, removeEventListener: () => undefined, stop: track.stop };
  return Promise.resolve({ active: true, getTracks: () => [whole] });
}

beforeEach(() => {
  [contexts, worklets, tracks, refusal, isUnsupported] = [[], [], [], null, false];
  vi.stubGlobal("AudioContext", FakeContext);
  vi.stubGlobal("AudioWorkletNode", FakeWorklet);
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: openMicrophone } });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function talk() {
  const sent: number[][] = [];
  const positions: number[] = [];
  const faults: string[] = [];
  const audio = new TalkAudio({
    send: (frame) => {
      const { kind, firstSample, pcm } = parseFrame(frame) ?? {};
      expect(kind).toBe("talk");
      positions.push(firstSample ?? -1);
      sent.push([...new Uint8Array(pcm?.buffer ?? new ArrayBuffer(16), 16)]);
    },
    onFault: (fault) => faults.push(fault),
  });
  return { audio, sent, positions, faults };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const part = (name: string) => worklets.filter((worklet) => worklet.name === name).at(-1);
const speak = (...samples: number[]) => part("pcm16")?.port.onmessage?.({ data: new Uint8Array(samples).buffer });

it("the caller's audio is sent, and silence of the same length while they are muted", async () => {
  const { audio, sent, positions } = talk();
  audio.set(true, false);
  await settled();
  speak(1, 2);
  audio.set(true, true);
  speak(3, 4);
  audio.set(true, false);
  speak(5, 6);
  expect(sent).toEqual([
    [1, 2],
    [0, 0],
    [5, 6],
  ]);
  expect(positions).toEqual([0, 320, 640]);
});

it("the human's audio is played at the caller's volume", async () => {
  const { audio } = talk();
  audio.setVolume(0.4);
  audio.set(true, false);
  await settled();
  audio.play(Int16Array.of(7, 8, 9).subarray(1));
  expect(part("talk")?.played.map((pcm) => [...new Int16Array(pcm)])).toEqual([[8, 9]]);
  expect(contexts[0]?.gain.value).toBe(0.4);
  audio.setVolume(0.9);
  expect(contexts[0]?.gain.value).toBe(0.9);
});

it("after the talk nothing is sent or played, and the microphone is closed", async () => {
  const { audio, sent } = talk();
  audio.set(true, false);
  await settled();
  audio.set(false, false);
  speak(1, 2);
  await settled();
  audio.play(new Int16Array(320));
  expect(sent).toEqual([]);
  expect(part("talk")?.played).toEqual([]);
  expect(contexts[0]?.closed).toBe(true);
  expect(tracks[0]?.stopped).toBe(true);
});

it("a talk that ends before its audio is open leaves nothing open, and the next one works", async () => {
  const { audio, sent } = talk();
  audio.set(true, false);
  audio.set(false, false);
  audio.set(true, false);
  await settled();
  await settled();
  expect(contexts.map(({ closed }) => closed)).toEqual([true, false]);
  expect(tracks.map(({ stopped }) => stopped)).toEqual([true, false]);
  speak(7, 8);
  expect(sent).toEqual([[7, 8]]);
});

it("without a microphone the caller is told, and still hears the human", async () => {
  refusal = new DOMException("no", "NotAllowedError");
  const { audio, faults } = talk();
  audio.set(true, false);
  await settled();
  audio.play(new Int16Array(320));
  expect(faults).toEqual(["refused"]);
  expect(part("talk")?.played).toHaveLength(1);
});

it("a browser that can't play the audio says so, and the next talk tries again", async () => {
  isUnsupported = true;
  const { audio, sent, faults } = talk();
  audio.set(true, false);
  await settled();
  expect(faults).toEqual(["unsupported"]);
  isUnsupported = false;
  audio.set(false, false);
  audio.set(true, false);
  await settled();
  speak(1, 2);
  expect(sent).toEqual([[1, 2]]);
  expect(contexts.map(({ closed }) => closed)).toEqual([true, false]);
});
