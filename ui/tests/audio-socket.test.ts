// @vitest-environment happy-dom

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AudioSocket } from "../src/call-center/audio-socket";
import type { DeskCall } from "../src/protocol.generated";
import { FakeWebSocket } from "./fake-web-socket";

const CALL: DeskCall = {
  transfer_id: "h-1",
  attempt: 2,
  stream_key: "key-1",
  held: false,
  consultation: "none",
  from_colleague: "",
};
const SLICE = new Int16Array(320).fill(1).buffer;

const listener = { onAudio: vi.fn(), onOpen: vi.fn(), onLoggedOut: vi.fn() };
let audio: AudioSocket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  FakeWebSocket.all = [];
  audio = new AudioSocket(listener);
});
afterEach(() => {
  audio.set(null);
  vi.clearAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const latest = () => FakeWebSocket.latest;
const opened = () => FakeWebSocket.all.length;
const keys = () => FakeWebSocket.all.map(({ sent }) => (sent[0] as { stream_key: string } | undefined)?.stream_key);

/** The server's view has this key now. */
function view(stream_key: string): void {
  audio.set({ ...CALL, stream_key });
}

/** The server admits the newest stream, and publishes the next key at once. */
function admit(next: string): void {
  latest().open();
  latest().receive({ type: "desk_audio_opened" });
  view(next);
}

describe("the audio of a direct call", () => {
  it("opens with the key of the view, and not before there is one", () => {
    view("");
    expect(opened()).toBe(0);
    view("key-1");
    expect(String(latest().url)).toMatch(/^ws.*\/call-center\/audio$/);
    latest().open();
    const wanted = { type: "desk_audio_open", transfer_id: "h-1", attempt: 2, stream_key: "key-1" };
    expect(latest().sent).toEqual([wanted]);
    expect(listener.onOpen).not.toHaveBeenCalled();
    latest().receive({ type: "desk_audio_opened" });
    expect(listener.onOpen).toHaveBeenCalledExactlyOnceWith(true);
  });

  it("goes both ways in bare frames", () => {
    view("key-1");
    audio.send(SLICE);
    expect(latest().audio).toEqual([]);
    admit("key-2");
    audio.send(SLICE);
    expect(latest().audio).toEqual([SLICE]);
    latest().receive(Int16Array.of(7, -8).buffer);
    latest().receive(new ArrayBuffer(3)); // half a sample too many
    expect(listener.onAudio.mock.calls).toEqual([[Int16Array.of(7, -8)], [Int16Array.of(0)]]);
  });

  it("is silence every 20 ms while the microphone gives nothing, because the stream must not look dead", () => {
    view("key-1");
    admit("key-2");
    vi.advanceTimersByTime(1_000);
    const silent = latest().audio.length;
    expect(silent).toBeGreaterThan(45);
    expect(latest().audio[0]).toEqual(new ArrayBuffer(640));
    for (let slices = 0; slices < 50; slices += 1) {
      audio.send(SLICE);
      vi.advanceTimersByTime(20);
    }
    expect(latest().audio).toHaveLength(silent + 50);
  });

  it("ends with the call, and nothing is opened again", () => {
    view("key-1");
    admit("key-2");
    audio.set(null);
    expect(latest().isClosed).toBe(true);
    expect(listener.onOpen).toHaveBeenLastCalledWith(false);
    latest().breakOff();
    vi.advanceTimersByTime(60_000);
    expect(opened()).toBe(1);
    expect(latest().audio).toEqual([]);
  });
});

describe("a broken stream", () => {
  it("is opened again at once with the newest key", () => {
    view("key-1");
    admit("key-2");
    latest().breakOff(1001);
    expect(listener.onOpen).toHaveBeenLastCalledWith(false);
    admit("key-3");
    expect(keys()).toEqual(["key-1", "key-2"]);
    expect(listener.onOpen).toHaveBeenLastCalledWith(true);
  });

  it("whose key is used waits for the next one in the view", () => {
    view("key-1");
    latest().open();
    latest().receive({ type: "desk_audio_opened" });
    latest().breakOff();
    vi.advanceTimersByTime(10_000);
    expect(opened()).toBe(1);
    view("key-2");
    expect(opened()).toBe(2);
  });

  it("that was never admitted may be asked for with the same key, later each time", () => {
    view("key-1");
    latest().breakOff();
    expect(opened()).toBe(2);
    for (const delay of [100, 200, 400, 800, 1_500, 1_500]) {
      const before = opened();
      latest().open();
      latest().breakOff(4403);
      vi.advanceTimersByTime(delay - 1);
      expect(opened()).toBe(before);
      vi.advanceTimersByTime(1);
      expect(opened()).toBe(before + 1);
    }
  });

  it("that has lasted is opened again at once the next time", () => {
    view("key-1");
    for (let number = 2; number < 6; number += 1) {
      admit(`key-${String(number)}`);
      vi.advanceTimersByTime(3_000);
      latest().breakOff();
      expect(opened()).toBe(number);
    }
  });

  it("without an answer is given up after four seconds", () => {
    view("key-1");
    vi.advanceTimersByTime(4_000);
    expect(FakeWebSocket.all[0]?.isClosed).toBe(true);
    expect(opened()).toBe(2);
  });

  it("that takes no audio for a second is given up", () => {
    view("key-1");
    admit("key-2");
    latest().bufferedAmount = 33_000;
    audio.send(SLICE);
    expect(FakeWebSocket.all[0]?.isClosed).toBe(true);
    expect(opened()).toBe(2);
  });

  it("of a person who is logged out ends on the login page", () => {
    view("key-1");
    admit("key-2");
    latest().breakOff(4401);
    expect(listener.onLoggedOut).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(60_000);
    expect(opened()).toBe(1);
  });
});

it("another call has a stream of its own, and the same caller's next stage has not", () => {
  view("key-1");
  admit("key-2");
  audio.set({ ...CALL, attempt: 3, stream_key: "key-3" });
  expect(opened()).toBe(1);
  audio.set({ ...CALL, transfer_id: "h-2", stream_key: "key-4" });
  expect([opened(), FakeWebSocket.all[0]?.isClosed]).toEqual([2, true]);
});
