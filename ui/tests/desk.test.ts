import { describe, expect, it } from "vitest";
import { callOf, consultationOf, INITIAL, isCallers, panel, reduce } from "../src/call-center/state";
import type { PhoneCall, State } from "../src/call-center/state";
import { callWords, lineWords } from "../src/call-center/words";
import type { DeskCall, DeskView } from "../src/protocol.generated";

const CALL: PhoneCall = {
  transfer: "",
  from: "Dora",
  incoming: true,
  stage: "ringing",
  held: false,
  muted: false,
  since: null,
};

function at(state: DeskView["state"], transfer = ""): State {
  const view = { state, since: 0, extension: "2002" } as DeskView;
  return { ...INITIAL, view, call: { ...CALL, transfer } };
}

describe("a call on the desk's telephone", () => {
  it("is a colleague's if the server does not know it", () => {
    expect(isCallers(at("ready"))).toBe(false);
    expect(isCallers(at("not_ready"))).toBe(false);
  });

  it("is a caller's if it names a hand-over, or if this desk has one on the server", () => {
    expect(isCallers(at("ready", "h-1"))).toBe(true);
    expect(isCallers(at("ringing"))).toBe(true);
    // a colleague has transferred the caller to this desk, over the call between the two
    expect(isCallers(at("on_call"))).toBe(true);
  });

  it("is no longer being transferred when it is over", () => {
    const giving = reduce(at("on_call"), { type: "giving", on: true });
    expect(giving.giving).toBe(true);
    expect(reduce(giving, { type: "call", call: null }).giving).toBe(false);
  });
});

const DIRECT: DeskCall = {
  transfer_id: "h-1",
  attempt: 0,
  stream_key: "",
  held: false,
  consultation: "none",
  from_colleague: "",
};

/** A desk with a direct call of Anna's. */
function direct(state: DeskView["state"], call: Partial<DeskCall> = {}, change: Partial<State> = {}): State {
  const view = { state, since: 90, extension: "2001", card: { name: "Anna" }, call: { ...DIRECT, ...call } };
  return { ...INITIAL, connected: true, streaming: true, view: view as unknown as DeskView, ...change };
}

describe("a direct call", () => {
  it("is in the server's view, and needs no telephone", () => {
    expect(callOf(direct("ringing"))).toMatchObject({ transfer: "h-1", from: "Anna", stage: "ringing", since: null });
    const talking = direct("on_call", { held: true }, { muted: true });
    expect(callOf(talking)).toMatchObject({ stage: "talking", held: true, muted: true, since: 90_000 });
    expect([panel(direct("ringing")), panel(talking)]).toEqual(["ringing", "talking"]);
    expect(isCallers(talking)).toBe(true);
  });

  it("is the desk's one call, whatever its telephone does", () => {
    const both = direct("ringing", {}, { call: { ...CALL, stage: "talking" }, consultation: "talking" });
    expect([callOf(both)?.from, panel(both), consultationOf(both)]).toEqual(["Anna", "ringing", "none"]);
    expect(callOf({ ...both, view: null })?.from).toBe("Dora");
  });

  it.each([
    [direct("ringing"), "Anna is calling"],
    [direct("ringing", { from_colleague: "Dora" }), "Dora asks you about Anna"],
    [direct("on_call", {}, { streaming: false }), "Connecting you with Anna…"],
    [direct("on_call", { from_colleague: "Dora" }, { streaming: false }), "Connecting you with Dora…"],
    [direct("on_call", {}, { audioBlocked: true }), "Anna can't hear you yet"],
    [direct("on_call"), "Talking with Anna"],
    [direct("on_call", { from_colleague: "Dora" }), "Talking with Dora about Anna"],
    [direct("on_call", { held: true }), "Anna is on hold"],
    [direct("on_call", { held: true, consultation: "ringing" }), "Anna is on hold"],
    [direct("on_call", { held: true, consultation: "talking" }), "Talking with your colleague, Anna is on hold"],
  ])("says who is there and what happens (%#)", (state, words) => {
    expect(callWords(state)).toBe(words);
  });

  it("is announced before the two are connected", () => {
    const state = direct("on_call");
    if (state.view) state.view.call_state = "whisper";
    expect(callWords(state)).toBe("Announcing the caller: Anna");
  });
});

it("the page of an account without a telephone says that it is one, and whether it works", () => {
  const page = reduce({ ...INITIAL, connected: true }, { type: "registration", registration: "page" });
  expect(lineWords(page)).toBe("This page is your telephone: ready");
  expect(lineWords(reduce(page, { type: "connected", on: false }))).toBe("This page is your telephone: connecting…");
  const blocked = reduce(page, { type: "mic_fault", fault: "refused" });
  expect(lineWords(blocked)).toBe("This page is your telephone: no microphone");
});

it("a desk that was opened in another window has no call here any more", () => {
  const over = reduce(direct("on_call"), { type: "taken_over" });
  expect([callOf(over), panel(over), over.fault]).toEqual([null, "idle", "This desk is open in another window."]);
});
