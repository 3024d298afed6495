import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { TalkAudio } from "../src/audio/talk-audio";

vi.mock("../src/audio/talk-worklet.ts?worker&url", () => ({ default: "talk.js" }));
vi.mock("../src/audio/pcm-worklet.ts?worker&url", () => ({ default: "pcm.js" }));

/** Everything that the page's audio has opened, in order. */
let contexts: FakeContext[];
let worklets: FakeWorklet[];
let tracks: { stopped: boolean }[];
let refusal: DOMException | null;
let isUnsupported: boolean;
/** What the page asked of the microphone. */
let asked: unknown[];

class FakeContext extends EventTarget {
  static initialState = "running";
  closed = false;
  state = FakeContext.initialState;
  readonly gain = { value: 1 };
  readonly audioWorklet = {
    addModule: () => (isUnsupported ? Promise.reject(new Error("no worklet")) : Promise.resolve()),
  };

  constructor() {
    super();
    contexts.push(this);
  }

  resume() {
    this.becomes("running");
    return Promise.resolve();
  }

  becomes(state: string) {
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
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

function openMicrophone(constraints: unknown) {
  asked.push(constraints);
  if (refusal) return Promise.reject(refusal);
  const track = { stopped: false, stop: () => (track.stopped = true) };
  tracks.push(track);
  const whole = { ...track, addEventListener: () => undefined, removeEventListener: () => undefined, stop: track.stop };
  return Promise.resolve({ active: true, getTracks: () => [whole] });
}

beforeEach(() => {
  [contexts, worklets, tracks, refusal, isUnsupported, asked] = [[], [], [], null, false, []];
  vi.stubGlobal("AudioContext", FakeContext);
  vi.stubGlobal("AudioWorkletNode", FakeWorklet);
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: openMicrophone } });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function talk() {
  const sent: number[][] = [];
  const faults: string[] = [];
  const blocked: boolean[] = [];
  const audio = new TalkAudio({
    onSlice: (pcm) => sent.push([...new Uint8Array(pcm)]),
    onFault: (fault) => faults.push(fault),
    onBlocked: (on) => blocked.push(on),
  });
  return { audio, sent, faults, blocked };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const part = (name: string) => worklets.filter((worklet) => worklet.name === name).at(-1);
const speak = (...samples: number[]) => part("pcm16")?.port.onmessage?.({ data: new Uint8Array(samples).buffer });

it("the microphone's audio is sent, and silence of the same length while it is muted", async () => {
  const { audio, sent } = talk();
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
  // the other side must not hear itself
  const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  expect(asked).toEqual([{ audio: expect.objectContaining(wanted) as unknown }]);
});

it("the other side's audio is played at this person's volume", async () => {
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

it("without a microphone the person is told, and still hears the other side", async () => {
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

it("a microphone that was opened before the talk is used by it, and closed with it", async () => {
  const { audio } = talk();
  expect(await audio.openMicrophone()).toBe(true);
  audio.set(true, false);
  await settled();
  audio.closeMicrophone(); // the talk has it
  expect(tracks.map(({ stopped }) => stopped)).toEqual([false]);
  audio.set(false, false);
  await settled();
  expect(tracks.map(({ stopped }) => stopped)).toEqual([true]);
});

it("a microphone that was opened for a talk that does not begin is closed", async () => {
  const { audio, faults } = talk();
  await Promise.all([audio.openMicrophone(), audio.openMicrophone()]);
  audio.closeMicrophone();
  expect(tracks.map(({ stopped }) => stopped)).toEqual([true]);
  refusal = new DOMException("none", "NotFoundError");
  expect(await audio.openMicrophone()).toBe(false);
  expect(faults).toEqual(["missing"]);
});

it("a page that was reloaded in mid-talk plays again as soon as it records, without a gesture", async () => {
  FakeContext.initialState = "suspended";
  const { audio, blocked } = talk();
  audio.set(true, false);
  await settled();
  FakeContext.initialState = "running";
  expect([contexts[0]?.state, blocked.at(-1)]).toEqual(["running", false]);
});

it("a browser that waits for a gesture says so after half a second, and goes on with the gesture", async () => {
  vi.useFakeTimers();
  const { audio, blocked } = talk();
  audio.set(true, false);
  await vi.advanceTimersByTimeAsync(0);
  contexts[0]?.becomes("suspended");
  await vi.advanceTimersByTimeAsync(500);
  expect(blocked.at(-1)).toBe(true);
  audio.unblock();
  expect(blocked.at(-1)).toBe(false);
  vi.useRealTimers();
});
