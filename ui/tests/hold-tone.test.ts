import { beforeEach, describe, expect, it } from "vitest";
import type { AnyServerMessage, TransferStatus } from "../src/protocol.generated";
import { HoldTone, isHeld } from "../src/voice/hold-tone";
import { reduce } from "../src/voice/reducer";
import { INITIAL, type Action, type State } from "../src/voice/state";
import { FakeAudio } from "./fake-audio";
import { authOk } from "./fakes";

let audio: FakeAudio;
let tone: HoldTone;
let state: State;

beforeEach(() => {
  audio = new FakeAudio();
  tone = new HoldTone(audio as unknown as ConstructorParameters<typeof HoldTone>[0]);
  state = INITIAL;
  tell(authOk());
});

/** Like the page: each change of the state starts or stops the tone. */
function happens(action: Action): void {
  state = reduce(state, action);
  tone.set(isHeld(state));
}

function tell(message: AnyServerMessage): void {
  happens({ type: "server", message, now: 0 });
}

function becomes(stage: TransferStatus["state"]): void {
  const message = { type: "transfer_status", state: stage, department: "support", extension: "2001" } as const;
  tell({ ...message, session_id: "s-1", seq: 1 });
}

/** Whether the tone is audible some seconds from now, if nothing else happens. */
function isHeard(seconds = 5): boolean {
  return audio.loudness(audio.currentTime + seconds) > 0.001;
}

describe("the tone while a caller waits for a human", () => {
  it.each(["queued", "dialing", "ringing"] as const)("is audible while it is %s", (stage) => {
    expect(isHeard()).toBe(false);
    becomes(stage);
    expect(isHeard()).toBe(true);
  });

  it.each(["connected", "failed", "ended"] as const)("falls silent when it is %s", (stage) => {
    becomes("ringing");
    audio.currentTime += 20;
    becomes(stage);
    expect(isHeard(0.2)).toBe(false);
    expect(isHeard(60)).toBe(false);
  });

  it("continues from one state of the wait to the next", () => {
    becomes("queued");
    becomes("dialing");
    becomes("ringing");
    expect(audio.oscillators.filter(({ startedAt }) => startedAt < Infinity)).toHaveLength(3);
    expect(isHeard(60)).toBe(true);
  });

  it("is heard again while a colleague is called, to whom the human passes the caller on", () => {
    becomes("connected");
    expect(isHeard(60)).toBe(false);
    becomes("ringing");
    expect(isHeard(60)).toBe(true);
    becomes("connected");
    expect(isHeard(0.2)).toBe(false);
  });

  it("is silent while the agent or the caller speaks", () => {
    becomes("queued");
    for (const type of ["playing", "recording"] as const) {
      happens({ type, on: true });
      audio.currentTime += 1;
      expect(isHeard(0)).toBe(false);
      happens({ type, on: false });
      expect(isHeard()).toBe(true);
    }
  });

  it("is quiet, begins after a second, and comes slowly", () => {
    becomes("queued");
    for (const seconds of [0, 0.5, 0.99]) expect(audio.loudness(audio.currentTime + seconds)).toBe(0);
    const [early, late] = [1.2, 3].map((seconds) => audio.loudness(audio.currentTime + seconds));
    expect(early).toBeGreaterThan(0);
    expect(late).toBeGreaterThan(early ?? 0);
    expect(late).toBeLessThan(0.05);
  });

  it("falls silent when the call is over", () => {
    becomes("queued");
    happens({ type: "ended", because: "You hung up." });
    expect(isHeard(1)).toBe(false);
  });
});
