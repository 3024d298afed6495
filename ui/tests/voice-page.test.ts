// @vitest-environment happy-dom

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AnyServerMessage } from "../src/protocol.generated";
import type { Call } from "../src/voice/call";
import html from "../src/voice/index.html?raw";
import { reduce } from "../src/voice/reducer";
import { INITIAL, type Action, type State } from "../src/voice/state";
import { mountConversation } from "../src/voice/views/conversation";
import { mountFrame } from "../src/voice/views/frame";
import { mountHuman } from "../src/voice/views/human";
import { mountNoRoom } from "../src/voice/views/no-room";
import { mountPinForm } from "../src/voice/views/pin-form";
import { answer, authOk, errorMessage, piece, processingStart, status, transcript } from "./fakes";
import { open, part, textOf } from "./page";

const MARKUP = '<img src="x" onerror="alert(1)">';
const BASE = { session_id: "s-1" } as const;
const NOW = 1_000_000;

/** Calls from the views. */
let asked: string[];
let call: Call;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  open(html);
  asked = [];
  const note = (what: string) => () => {
    asked.push(what);
  };
  call = {
    expectPin: note("expect a PIN"),
    submitPin: (pin: string) => asked.push(`PIN ${pin}`),
    tryNow: note("try now"),
    stopTrying: note("stop trying"),
  } as unknown as Call;
});
afterEach(() => {
  vi.useRealTimers();
});

/** Mounts these views; returns a function that applies actions and messages. */
function page(state: State, ...views: ((state: State) => void)[]) {
  for (const view of views) view(state);
  return (...events: (Action | AnyServerMessage)[]): State => {
    for (const event of events) {
      state = reduce(state, "seq" in event ? { type: "server", message: event, now: Date.now() } : event);
      for (const view of views) view(state);
    }
    return state;
  };
}

function announced(): string[] {
  return Array.from(part("announcer").children, (line) => line.textContent);
}

it("shows names, reasons and all that is said as text", () => {
  const goOn = page(INITIAL, mountFrame(call), mountConversation(), mountHuman(call));
  goOn(
    authOk({ user_name: MARKUP }),
    { ...BASE, type: "greeting", seq: 1, text: `Hi ${MARKUP}` },
    transcript("t-1", MARKUP, 2),
    piece("t-1", MARKUP, 3),
    answer("t-1", MARKUP, 4),
    { ...BASE, type: "transfer_initiated", seq: 5, department: MARKUP, extension: "2001", reason: MARKUP },
    {
      ...BASE,
      type: "transfer_status",
      seq: 6,
      state: "connected",
      department: MARKUP,
      extension: "2001",
      agent_name: MARKUP,
    },
    status(MARKUP, 7),
  );
  expect(textOf("log").split(MARKUP).length - 1).toBeGreaterThanOrEqual(5);
  expect(textOf("human-words")).toContain(MARKUP);
  goOn({ type: "ended", because: MARKUP });
  expect(textOf("ended-why")).toBe(MARKUP);
  expect(document.querySelectorAll("img")).toHaveLength(0);
});

describe("a screen reader", () => {
  it("gets each entry once, when it is complete", () => {
    const goOn = page(INITIAL, mountConversation());
    expect(part("log").getAttribute("aria-live")).toBe("off");
    goOn(authOk(), { type: "said", utterance: "u-1", text: "add milk", now: NOW });
    expect(announced()).toEqual([]);
    goOn(processingStart("t-1", "u-1", 1), transcript("t-1", "add milk", 2));
    expect(announced()).toEqual(["You: add milk"]);
    goOn(piece("t-1", "I added", 3), piece("t-1", " milk.", 4));
    expect(textOf("log")).toContain("I added milk.");
    expect(announced()).toHaveLength(1);
    goOn(answer("t-1", "I added milk.", 5));
    goOn(processingStart("t-1", "u-1", 10), piece("t-1", "I added", 11), answer("t-1", "I added milk.", 12));
    expect(announced()).toEqual(["You: add milk", "Convonet: I added milk."]);
  });

  it("does not get entries from before a reload again", () => {
    const before = reduce(INITIAL, { type: "server", message: answer("t-1", "I added milk."), now: NOW });
    const goOn = page(before, mountConversation());
    goOn(answer("t-2", "And eggs.", 9));
    expect(announced()).toEqual(["Convonet: And eggs."]);
  });
});

describe("the PIN form", () => {
  const ASKED: Action = { type: "auth_required", pinRequired: true };

  function type(pin: string): void {
    const input = part("pin") as HTMLInputElement;
    input.value = pin;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  it("connects when somebody begins to type, and sends the PIN", () => {
    page(INITIAL, mountPinForm(call))(ASKED);
    type("4711");
    expect(asked).toEqual(["expect a PIN"]);
    part("pin-form").dispatchEvent(new Event("submit", { cancelable: true }));
    expect(asked.at(-1)).toBe("PIN 4711");
  });

  it("counts down the seconds that a caller has to wait, and announces the reason once", () => {
    const goOn = page(INITIAL, mountPinForm(call));
    goOn(ASKED, errorMessage("auth_throttled", { retry_after_ms: 3_000 }));
    expect([textOf("pin-error"), textOf("pin-wait")]).toEqual(["Too many attempts.", "Please try again in 3 seconds."]);
    expect((part("pin-submit") as HTMLButtonElement).disabled).toBe(true);
    vi.advanceTimersByTime(1_000);
    expect([textOf("pin-error"), textOf("pin-wait")]).toEqual(["Too many attempts.", "Please try again in 2 seconds."]);
    vi.advanceTimersByTime(2_000);
    expect([textOf("pin-error"), textOf("pin-wait")]).toEqual(["You can try again now.", ""]);
    expect((part("pin-submit") as HTMLButtonElement).disabled).toBe(false);
  });
});

describe("without room for the call", () => {
  const FULL: Action = { type: "no_room", because: "All lines are busy right now.", retryAt: NOW + 2_000 };

  it("the page says why, counts down, and lets the caller try or stop by keyboard", () => {
    const goOn = page(INITIAL, mountPinForm(call), mountNoRoom(call));
    expect(part("no-room").hidden).toBe(true);
    goOn({ type: "auth_required", pinRequired: true }, { type: "lost" }, FULL);
    expect(part("pin-form").hidden).toBe(true);
    expect(textOf("no-room-why")).toBe("All lines are busy right now. The page tries again by itself.");
    expect(textOf("no-room-wait")).toBe("Trying again in 2 seconds.");
    expect(document.activeElement).toBe(part("try-now"));
    vi.advanceTimersByTime(1_000);
    expect(textOf("no-room-wait")).toBe("Trying again in 1 second.");
    vi.advanceTimersByTime(1_000);
    expect(textOf("no-room-wait")).toBe("Trying again now…");
    part("try-now").click();
    part("stop-trying").click();
    expect(asked).toEqual(["try now", "stop trying"]);
    goOn(authOk());
    expect(part("no-room").hidden).toBe(true);
  });

  it("a call that waits to be resumed is hung up like any other", () => {
    const goOn = page({ ...INITIAL, inSession: true }, mountNoRoom(call));
    goOn({ type: "lost" }, FULL);
    expect([part("no-room").hidden, part("stop-trying").hidden]).toEqual([false, true]);
  });
});

describe("a caller whom nobody can answer", () => {
  const failed = (reason: string, seq: number): AnyServerMessage => ({
    ...BASE,
    type: "transfer_status",
    seq,
    state: "failed",
    department: "support",
    extension: "2001",
    reason,
  });
  const hint = () => (part("try-human").hidden ? "" : textOf("try-human"));

  it("is told on their own machine how to be the human", () => {
    const goOn = page(INITIAL, mountHuman(call, true));
    goOn(authOk(), failed("caller_cancelled", 1));
    expect(hint()).toBe("");
    goOn(failed("nobody_there", 2));
    expect(hint()).toContain("open the link that “make run” printed in a second window");
    goOn({ ...BASE, type: "transfer_initiated", seq: 3, department: "support", extension: "2001" });
    expect(hint()).toBe("");
  });

  it("is not told anywhere else", () => {
    page(INITIAL, mountHuman(call, false))(authOk(), failed("nobody_there", 1));
    expect(hint()).toBe("");
  });
});

describe("a human who passes the caller on", () => {
  const status = (state: "connected" | "ringing", agent_name: string, seq: number): AnyServerMessage => ({
    ...BASE,
    type: "transfer_status",
    seq,
    state,
    department: "support",
    extension: "2001",
    agent_name,
  });

  it("is followed by ringing at the colleague, by name", () => {
    const goOn = page(INITIAL, mountFrame(call), mountHuman(call));
    goOn(authOk(), status("connected", "Dora", 1));
    expect([textOf("state"), part("mute-mic").hidden]).toEqual(["With a person", false]);
    goOn(status("ringing", "Eve", 2));
    expect([textOf("state"), textOf("human-words")]).toEqual(["Connecting you…", "Ringing at Eve (support)…"]);
    expect([part("mute-mic").hidden, textOf("leave-human")]).toEqual([true, "Stop waiting"]);
    goOn(status("connected", "Eve", 3));
    expect(textOf("human-words")).toBe("You are connected with Eve (support).");
  });
});
