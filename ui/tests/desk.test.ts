import { describe, expect, it } from "vitest";
import { INITIAL, isCallers, reduce, type PhoneCall, type State } from "../src/call-center/state";
import type { DeskView } from "../src/protocol.generated";

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
