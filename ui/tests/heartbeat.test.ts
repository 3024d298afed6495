import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Heartbeat } from "../src/common/heartbeat";

const beat = vi.fn();
const onSilence = vi.fn();
let heartbeat: Heartbeat;
let stalledMs: number;

beforeEach(() => {
  vi.useFakeTimers();
  stalledMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => Date.now() + stalledMs);
  heartbeat = new Heartbeat(beat, onSilence);
  heartbeat.start();
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.clearAllMocks();
  vi.useRealTimers();
});

it("sends heartbeats only on a quiet connection", () => {
  for (let message = 0; message < 5; message += 1) {
    vi.advanceTimersByTime(1_500);
    heartbeat.heard();
  }
  expect(beat).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2_000);
  expect(beat).toHaveBeenCalledOnce();
  heartbeat.heard();
  vi.advanceTimersByTime(1_800);
  expect(onSilence).not.toHaveBeenCalled();
});

it("does not mistake one stall of the page for silence of the server", () => {
  vi.advanceTimersByTime(2_000);
  expect(beat).toHaveBeenCalledOnce();
  // the page is busy or hidden: timers are late
  stalledMs += 5_000;
  vi.advanceTimersByTime(1_800);
  expect(onSilence).not.toHaveBeenCalled();
  stalledMs += 5_000;
  vi.advanceTimersByTime(1_000);
  expect(onSilence).toHaveBeenCalledOnce();
});

it("accepts an answer that a stall of the page had delayed", () => {
  vi.advanceTimersByTime(2_000);
  stalledMs += 5_000;
  vi.advanceTimersByTime(1_800);
  heartbeat.heard();
  vi.advanceTimersByTime(1_000);
  expect(onSilence).not.toHaveBeenCalled();
});

it("does nothing after it was stopped", () => {
  vi.advanceTimersByTime(2_000);
  heartbeat.stop();
  heartbeat.checkNow();
  vi.advanceTimersByTime(60_000);
  expect(beat).toHaveBeenCalledOnce();
  expect(onSilence).not.toHaveBeenCalled();
});
