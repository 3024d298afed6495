// @vitest-environment happy-dom

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DeskSocket, TAKEN_OVER } from "../src/call-center/desk-socket";
import { FakeWebSocket } from "./fake-web-socket";

const listener = { onMessage: vi.fn(), onConnected: vi.fn(), onEnd: vi.fn() };
const latest = () => FakeWebSocket.latest;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  FakeWebSocket.all = [];
  new DeskSocket(listener).open();
});

afterEach(() => {
  vi.clearAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("finds a dead connection within four seconds, and reconnects", () => {
  latest().receive({ type: "desk_view" });
  expect(listener.onConnected).toHaveBeenLastCalledWith(true);
  vi.advanceTimersByTime(2_000);
  expect(latest().sent).toEqual([{ type: "desk_alive" }]);
  vi.advanceTimersByTime(1_799);
  expect(listener.onConnected).toHaveBeenLastCalledWith(true);
  vi.advanceTimersByTime(1);
  expect(listener.onConnected).toHaveBeenLastCalledWith(false);
  expect(latest().isClosed).toBe(true);
  vi.advanceTimersByTime(200);
  expect(FakeWebSocket.all).toHaveLength(2);
  latest().receive({ type: "desk_view" });
  expect(listener.onConnected).toHaveBeenLastCalledWith(true);
});

it("does not suspect a connection with any messages", () => {
  latest().receive({ type: "desk_view" });
  for (let beat = 0; beat < 10; beat += 1) {
    vi.advanceTimersByTime(2_000);
    latest().receive({ type: "desk_alive_ack" });
  }
  expect(FakeWebSocket.all).toHaveLength(1);
  expect(latest().sent).toHaveLength(10);
});

it("gives up a connection without an answer, and gives the next one more time", () => {
  for (const [patience, delay] of [
    [4_000, 200],
    [4_000, 500],
    [7_000, 1_000],
    [10_000, 2_000],
  ] as const) {
    vi.advanceTimersByTime(patience - 1);
    expect(latest().isClosed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(latest().isClosed).toBe(true);
    vi.advanceTimersByTime(delay);
  }
  expect(FakeWebSocket.all).toHaveLength(5);
});

it("checks at once when its page becomes visible again", () => {
  latest().receive({ type: "desk_view" });
  document.dispatchEvent(new Event("visibilitychange"));
  expect(latest().sent).toEqual([{ type: "desk_alive" }]);
});

it("does not reconnect after another page has taken over", () => {
  latest().receive({ type: "desk_view" });
  latest().breakOff(TAKEN_OVER);
  vi.advanceTimersByTime(60_000);
  expect(listener.onEnd).toHaveBeenCalledExactlyOnceWith(TAKEN_OVER);
  expect(FakeWebSocket.all).toHaveLength(1);
});
