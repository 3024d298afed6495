// @vitest-environment happy-dom

import { beforeEach, describe, expect, it, vi } from "vitest";
import html from "../src/call-center/index.html?raw";
import { INITIAL, type PhoneCall, type State } from "../src/call-center/state";
import { mountCard } from "../src/call-center/views/card";
import { mountControls, type CallActions } from "../src/call-center/views/controls";
import { mountLists } from "../src/call-center/views/lists";
import { mountStatus } from "../src/call-center/views/status";
import type { CallBack, Card, PastCall } from "../src/protocol.generated";
import { open, part, textOf } from "./page";

const MARKUP = '<img src="x" onerror="alert(1)">';

const CARD: Card = {
  transfer_id: "h-1",
  name: MARKUP,
  verified_by: "PIN",
  department: "support",
  reason: MARKUP,
  summary: MARKUP,
  open_items: [MARKUP],
  conversation: [{ role: "user", content: MARKUP }],
  facts: { [MARKUP]: [MARKUP] },
  talk: [],
};
const TIMES = { asked_at: "2026-11-27T10:00:00Z", connected_at: null, ended_at: "2026-11-27T10:01:00Z" };
const CALL: PhoneCall = {
  transfer: "h-1",
  from: "h-1",
  incoming: true,
  stage: "ringing",
  held: false,
  muted: false,
  since: null,
};

const decline = vi.fn();
let draw: (change: Partial<State>, card?: Partial<Card>) => void;

beforeEach(() => {
  open(html);
  const actions = {
    decline,
    accept: vi.fn(),
    hangUp: vi.fn(),
    phone: () => null,
  } as Partial<CallActions> as CallActions;
  const views = [mountCard(), mountControls(actions), mountLists(actions), mountStatus(actions)];
  const view = { state: "ringing", reason: MARKUP, since: 0, extension: "2001", call_state: "ringing" } as const;
  const said = [{ who: "caller", text: MARKUP }] as const;
  draw = (change, card = {}) => {
    const shown = { ...view, said: [...said], queue: { [MARKUP]: 1 }, call_backs: 0, card: { ...CARD, ...card } };
    for (const each of views) each({ ...INITIAL, who: MARKUP, connected: true, call: CALL, view: shown, ...change });
  };
});

describe("the desk's page", () => {
  it("shows what callers and colleagues have said and typed as text", () => {
    const past = { id: "h-0", caller_name: MARKUP, department: MARKUP, reason: MARKUP, summary: MARKUP, notes: MARKUP };
    const history: PastCall[] = [{ ...past, ...TIMES, outcome: "ended", why: null }];
    const back = { caller_name: MARKUP, phone: MARKUP, department: MARKUP, reason: MARKUP };
    const callBacks: CallBack[] = [{ ...back, id: "b-1", asked_at: TIMES.asked_at }];
    draw({ history, callBacks, fault: MARKUP, registrationFault: MARKUP });
    for (const shown of ["card-name", "card-reason", "card-summary", "fault", "line", "who"])
      expect(textOf(shown), shown).toBe(MARKUP);
    expect(textOf("call-words")).toBe(`${MARKUP} is calling`);
    for (const shown of [
      "card-open",
      "card-facts",
      "card-conversation",
      "talk-lines",
      "history",
      "call-backs",
      "since",
    ])
      expect(textOf(shown), shown).toContain(MARKUP);
    expect(document.querySelectorAll("img")).toHaveLength(0);
  });

  it("says how the caller was verified, or that they were not", () => {
    draw({});
    expect(textOf("card-how")).toBe("Verified by PIN · support");
    draw({}, { verified_by: null });
    expect(textOf("card-how")).toBe("Not verified · support");
  });

  it("declines with the reason that the person has chosen", () => {
    draw({});
    const reason = part("decline-reason") as HTMLSelectElement;
    reason.value = "Wrong department";
    part("decline").click();
    expect(decline).toHaveBeenCalledExactlyOnceWith("Wrong department");
  });
});
