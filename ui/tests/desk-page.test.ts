// @vitest-environment happy-dom

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import html from "../src/call-center/index.html?raw";
import { INITIAL, type PhoneCall, type State } from "../src/call-center/state";
import { mountCard } from "../src/call-center/views/card";
import { mountControls, type CallActions } from "../src/call-center/views/controls";
import { mountLists } from "../src/call-center/views/lists";
import { mountMeters, type Meters } from "../src/call-center/views/meters";
import { mountStatus } from "../src/call-center/views/status";
import type { Telephone } from "../src/call-center/telephone";
import type { CallBack, Card, DeskCall, DeskView, PastCall } from "../src/protocol.generated";
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
const VIEW = { reason: "", since: 0, extension: "2001", queue: {}, call_backs: 0 };
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
const becomeReady = vi.fn();
const phone = { setHeld: vi.fn(), setMuted: vi.fn(), consult: vi.fn(), complete: vi.fn(), transfer: vi.fn() };
let meters: Meters;
let draw: (change: Partial<State>, card?: Partial<Card>) => void;

beforeEach(() => {
  open(html);
  const actions = {
    decline,
    becomeReady,
    accept: vi.fn(),
    hangUp: vi.fn(),
    unblock: vi.fn(),
    phone: () => phone as Partial<Telephone> as Telephone,
  } as Partial<CallActions> as CallActions;
  vi.useFakeTimers();
  meters = mountMeters();
  const views = [mountCard(), mountControls(actions), mountLists(actions), mountStatus(actions), meters.draw];
  const view = { state: "ringing", reason: MARKUP, since: 0, extension: "2001", call_state: "ringing" } as const;
  const said = [{ who: "caller", text: MARKUP }] as const;
  draw = (change, card = {}) => {
    const shown = { ...view, said: [...said], queue: { [MARKUP]: 1 }, call_backs: 0, card: { ...CARD, ...card } };
    for (const each of views) each({ ...INITIAL, who: MARKUP, connected: true, call: CALL, view: shown, ...change });
  };
});

afterEach(() => {
  vi.clearAllMocks();
  vi.useRealTimers();
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

describe("the transcript", () => {
  const show = (...texts: string[]) => {
    const said = texts.map((text) => ({ who: "caller", text }) as const);
    draw({ view: { ...VIEW, state: "on_call", card: CARD, said: [...said] } });
    return textOf("talk-lines");
  };

  it("grows with the talk, and begins anew with another one", () => {
    expect(show("one")).toBe("Caller one");
    expect(show("one", "two")).toBe("Caller oneCaller two");
    // a colleague asks about their caller, whose talk is longer
    expect(show("three", "four", "five")).toBe("Caller threeCaller fourCaller five");
    expect(show("three")).toBe("Caller three");
  });
});

describe("unsaved notes", () => {
  const notes = () => part("notes") as HTMLTextAreaElement;
  const show = (state: DeskView["state"], transfer: string) => {
    draw({
      call: null,
      view: { ...VIEW, state, card: { ...CARD, transfer_id: transfer }, said: [] },
    });
  };

  it("stay with their call when a colleague's call comes between", () => {
    show("wrap_up", "h-1");
    notes().value = "owes us ten dollars";
    show("ringing", "h-2");
    show("on_call", "h-2");
    show("wrap_up", "h-2");
    expect(notes().value).toBe("");
    show("wrap_up", "h-1");
    expect(notes().value).toBe("owes us ten dollars");
  });
});

describe("a direct call", () => {
  const DIRECT: DeskCall = {
    transfer_id: "h-1",
    attempt: 0,
    stream_key: "key-1",
    held: false,
    consultation: "none",
    from_colleague: "",
  };

  function show(state: DeskView["state"], call: Partial<DeskCall> = {}, change: Partial<State> = {}): void {
    const view = { state, reason: "", since: 0, extension: "2001", said: [], queue: {}, call_backs: 0 };
    const direct = { ...view, card: { ...CARD, name: "Anna" }, call: { ...DIRECT, ...call } };
    draw({ call: null, streaming: true, registration: "page", view: direct, ...change });
  }

  const isShown = (testId: string) => part(testId).closest("[hidden]") === null;
  const button = (testId: string) => part(testId) as HTMLButtonElement;

  it("can be accepted as soon as it rings, and Accept keeps the focus while the microphone is opened", () => {
    show("ringing");
    expect([button("accept").disabled, document.activeElement]).toEqual([false, part("accept")]);
    show("ringing", {}, { answering: true });
    expect([textOf("accept"), document.activeElement]).toEqual(["Opening the microphone…", part("accept")]);
    expect(isShown("meters")).toBe(false);
  });

  it("has no keypad, and its hold is the server's", () => {
    show("on_call");
    expect([isShown("keypad-toggle"), isShown("transfer-toggle"), isShown("meters")]).toEqual([false, true, true]);
    button("hold").click();
    expect(phone.setHeld).toHaveBeenCalledExactlyOnceWith(true);
    expect(button("hold").getAttribute("aria-pressed")).toBe("false");
    show("on_call", { held: true });
    expect(button("hold").getAttribute("aria-pressed")).toBe("true");
    button("mute").click();
    expect(phone.setMuted).toHaveBeenCalledExactlyOnceWith(true);
    draw({}); // a telephone's call
    expect(part("keypad-toggle").hidden).toBe(false);
  });

  it("shows the way back from a consultation, also after a reload", () => {
    show("on_call", { held: true, consultation: "ringing" });
    expect([isShown("drop-consultation"), isShown("complete"), isShown("consult")]).toEqual([true, false, false]);
    expect(button("hold").disabled).toBe(true);
    show("on_call", { held: true, consultation: "talking" });
    expect(isShown("complete")).toBe(true);
    expect(textOf("other-label")).toBe("Your colleague");
    show("on_call");
    expect([isShown("consult"), textOf("other-label"), button("hold").disabled]).toEqual([true, "The caller", false]);
  });

  it("of a colleague who asks can be muted and hung up, and neither held nor transferred", () => {
    show("on_call", { held: true, from_colleague: "Dora" });
    expect(textOf("call-words")).toBe("Talking with Dora about Anna");
    const shown = ["mute", "hold", "keypad-toggle", "transfer-toggle", "hang-up"].filter(isShown);
    expect(shown).toEqual(["mute", "hang-up"]);
  });

  it("asks for a gesture only if the browser wants one", () => {
    show("on_call");
    expect(isShown("unblock")).toBe(false);
    show("on_call", {}, { audioBlocked: true });
    expect(isShown("unblock")).toBe(true);
  });

  it("says what is wrong with the microphone, until it works", () => {
    show("ringing", {}, { micFault: "refused" });
    expect(textOf("fault")).toContain("The microphone is blocked.");
    expect([textOf("line"), part("line-dot").dataset["line"]]).toEqual([
      "This page is your telephone: no microphone",
      "failed",
    ]);
    show("ringing");
    expect([part("fault").hidden, part("line-dot").dataset["line"]]).toEqual([true, "registered"]);
  });

  it("has meters, which screen readers can read and are not told of", () => {
    show("on_call");
    for (const meter of ["own-level", "other-level"]) {
      expect(part(meter).getAttribute("role")).toBe("meter");
      expect(part(meter).closest("[aria-live], [role=status]")).toBeNull();
    }
    meters.add("own", 0.5);
    vi.advanceTimersByTime(80);
    expect(part("own-level").style.getPropertyValue("--level")).toBe("0.50");
    expect(part("own-level").getAttribute("aria-valuenow")).toBe("50");
    meters.add("own", 0.9);
    vi.advanceTimersByTime(80);
    expect(part("own-level").style.getPropertyValue("--level")).toBe("0.90");
    expect(part("own-level").getAttribute("aria-valuenow")).toBe("50"); // once a second
    vi.advanceTimersByTime(2_000);
    expect(part("own-level").style.getPropertyValue("--level")).toBe("0.00");
    expect(part("own-level").getAttribute("aria-valuenow")).toBe("0");
    expect(part("other-level").style.getPropertyValue("--level")).toBe("0.00");
  });

  it("becomes possible with the button that makes the desk ready", () => {
    draw({ view: { ...({} as DeskView), state: "not_ready", said: [], since: 0, queue: {} } });
    button("ready").click();
    expect(becomeReady).toHaveBeenCalledOnce();
  });
});
