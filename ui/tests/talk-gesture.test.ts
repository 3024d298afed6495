import { beforeEach, describe, expect, it } from "vitest";
import { TalkGesture } from "../src/voice/talk-gesture";

let events: string[];
let gesture: TalkGesture;

beforeEach(() => {
  events = [];
  gesture = new TalkGesture({ start: () => events.push("start"), send: () => events.push("send") });
});

describe("the talk button", () => {
  it("records while it is held", () => {
    gesture.press(0);
    expect(events).toEqual(["start"]);
    gesture.release(2_000);
    expect(events).toEqual(["start", "send"]);
  });

  it("starts with a short press and sends with the next", () => {
    gesture.press(0);
    gesture.release(299);
    expect(events).toEqual(["start"]);
    gesture.press(5_000);
    gesture.release(9_000);
    expect(events).toEqual(["start", "send"]);
  });

  it("toggles on clicks without a press", () => {
    gesture.click(0);
    gesture.click(4_000);
    gesture.click(5_000);
    expect(events).toEqual(["start", "send", "start"]);
  });

  it("starts over when recording ended by other means", () => {
    gesture.press(0);
    gesture.release(100);
    gesture.reset();
    gesture.press(1_000);
    expect(events).toEqual(["start", "start"]);
  });

  it("ignores a release without a press", () => {
    gesture.release(1_000);
    expect(events).toEqual([]);
  });
});
