import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Recorder, type RecorderListener } from "../src/voice/recorder";

vi.mock("../src/voice/capture", () => ({
  captureFormat: () => "webm",
  startCapture: () => Promise.resolve({ stop: () => Promise.resolve() }),
}));

const stream = { active: true, getTracks: () => [] } as unknown as MediaStream;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: () => Promise.resolve(stream) } });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function listener() {
  const heard: string[] = [];
  const told: RecorderListener = {
    onStart: () => "u-1",
    onSlice: () => undefined,
    onFinish: (utterance) => heard.push(`finished ${utterance}`),
    onFault: (fault) => heard.push(fault),
    onTooLate: () => heard.push("too late"),
    onFull: () => heard.push("full"),
  };
  return { heard, told };
}

it("an utterance of half a minute is finished automatically, within the server's limit", async () => {
  const { heard, told } = listener();
  await new Recorder(told).start();
  await vi.advanceTimersByTimeAsync(29_900);
  expect(heard).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(heard).toEqual(["full", "finished u-1"]);
});

it("a short utterance is finished once", async () => {
  const { heard, told } = listener();
  const recorder = new Recorder(told);
  await recorder.start();
  await vi.advanceTimersByTimeAsync(2_000);
  await recorder.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard).toEqual(["finished u-1"]);
});
