// @vitest-environment happy-dom

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TalkAudio, TalkCallbacks } from "../src/audio/talk-audio";
import { DirectPhone } from "../src/call-center/direct-phone";
import { INITIAL, reduce, type Action, type State } from "../src/call-center/state";
import type { DeskCall } from "../src/protocol.generated";
import { FakeWebSocket } from "./fake-web-socket";

const RINGING: DeskCall = {
  transfer_id: "h-1",
  attempt: 0,
  stream_key: "",
  held: false,
  consultation: "none",
  from_colleague: "",
};
const TALKING: DeskCall = { ...RINGING, stream_key: "key-1" };

/** The page's audio: what was asked of it. */
class FakeTalk {
  isOn = false;
  isSilent = false;
  isMicrophoneOpen = false;
  refusal: "refused" | null = null;
  readonly played: Int16Array[] = [];

  constructor(readonly callbacks: TalkCallbacks) {}

  openMicrophone(): Promise<boolean> {
    if (this.refusal) this.callbacks.onFault(this.refusal);
    this.isMicrophoneOpen = this.refusal === null;
    return Promise.resolve(this.isMicrophoneOpen);
  }

  closeMicrophone(): void {
    if (!this.isOn) this.isMicrophoneOpen = false;
  }

  set(on: boolean, silent: boolean): void {
    [this.isOn, this.isSilent] = [on, silent];
  }

  play(pcm: Int16Array): void {
    this.played.push(pcm);
  }
}

let sent: string[];
let isReachable: boolean;
let levels: [string, number][];
let state: State;
let talk: FakeTalk;
const toLogin = vi.fn();

function newPhone(): DirectPhone {
  return new DirectPhone({
    sendAction: (action, text = "") => {
      if (isReachable) sent.push(`${action} ${text}`.trim());
      return isReachable;
    },
    dispatch: (action: Action) => (state = reduce(state, action)),
    onLevel: (whose, level) => levels.push([whose, level]),
    onLoggedOut: toLogin,
    openTalk: (callbacks) => (talk = new FakeTalk(callbacks)) as unknown as TalkAudio,
  });
}

let phone: DirectPhone;

beforeEach(() => {
  vi.stubGlobal("WebSocket", FakeWebSocket);
  FakeWebSocket.all = [];
  sessionStorage.clear();
  [sent, levels, state, isReachable] = [[], [], INITIAL, true];
  phone = newPhone();
});
afterEach(() => {
  phone.follow(null);
  vi.clearAllMocks();
  vi.unstubAllGlobals();
});

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const sockets = () => FakeWebSocket.all.length;

async function accept(): Promise<void> {
  phone.follow(RINGING);
  phone.answer();
  await settled();
}

describe("a direct call that rings", () => {
  it("opens nothing before the person accepts, then the microphone, and only then is accepted", async () => {
    phone.follow(RINGING);
    expect([talk.isMicrophoneOpen, sockets()]).toEqual([false, 0]);
    phone.answer();
    expect([state.answering, sent]).toEqual([true, []]);
    await settled();
    expect([state.answering, sent, talk.isOn, sockets()]).toEqual([false, ["accept"], true, 0]);
    phone.follow(TALKING);
    expect([talk.isOn, sockets()]).toEqual([true, 1]);
  });

  it("is accepted once, however often the button is pressed", async () => {
    phone.follow(RINGING);
    phone.answer();
    phone.answer();
    await settled();
    expect(sent).toEqual(["accept"]);
  });

  it("goes on ringing without a microphone, and says why", async () => {
    phone.follow(RINGING);
    talk.refusal = "refused";
    phone.answer();
    await settled();
    expect([sent, state.micFault, state.answering, talk.isOn]).toEqual([[], "refused", false, false]);
    talk.refusal = null;
    phone.answer();
    await settled();
    expect([sent, state.micFault]).toEqual([["accept"], null]);
  });

  it("that ends while the browser asks for the microphone is not accepted, and the microphone is closed", async () => {
    phone.follow(RINGING);
    phone.answer();
    phone.follow(null);
    await settled();
    expect([sent, talk.isOn, talk.isMicrophoneOpen]).toEqual([[], false, false]);
  });

  it("closes the microphone if the server can't be reached, or refuses", async () => {
    isReachable = false;
    await accept();
    expect([talk.isOn, talk.isMicrophoneOpen]).toEqual([false, false]);
    isReachable = true;
    phone.answer();
    await settled();
    expect(talk.isOn).toBe(true);
    phone.refused();
    expect(talk.isOn).toBe(false);
  });
});

describe("a direct talk", () => {
  beforeEach(async () => {
    await accept();
    phone.follow(TALKING);
    FakeWebSocket.latest.open();
    FakeWebSocket.latest.receive({ type: "desk_audio_opened" });
  });

  it("carries the microphone to the stream and the stream to the ear, and measures both", () => {
    expect(state.streaming).toBe(true);
    const loud = new Int16Array(320).fill(8_000);
    talk.callbacks.onSlice(loud.buffer);
    expect(FakeWebSocket.latest.audio.at(-1)).toBe(loud.buffer);
    FakeWebSocket.latest.receive(new Int16Array(320).buffer);
    expect(talk.played).toEqual([new Int16Array(320)]);
    expect(levels[0]?.[0]).toBe("own");
    expect(levels[0]?.[1]).toBeGreaterThan(0.8);
    expect(levels[1]).toEqual(["other", 0]);
  });

  it("is held by the server and not by the page", () => {
    phone.setHeld(true);
    expect([sent.at(-1), talk.isSilent]).toEqual(["hold", false]);
    phone.follow({ ...TALKING, held: true });
    expect(talk.isSilent).toBe(true);
    phone.setHeld(false);
    expect([sent.at(-1), talk.isSilent]).toEqual(["resume", true]);
    phone.follow(TALKING);
    expect(talk.isSilent).toBe(false);
  });

  it("is muted by the page", () => {
    phone.setMuted(true);
    expect([state.muted, talk.isSilent]).toEqual([true, true]);
    phone.setMuted(false);
    expect([state.muted, talk.isSilent]).toEqual([false, false]);
    expect(sent).toEqual(["accept"]);
  });

  it("is heard by the colleague who is asked, while the caller is on hold", () => {
    phone.consult("2002");
    phone.follow({ ...TALKING, held: true, consultation: "ringing" });
    expect(talk.isSilent).toBe(true);
    phone.follow({ ...TALKING, held: true, consultation: "talking" });
    expect(talk.isSilent).toBe(false);
    phone.complete();
    phone.dropConsultation();
    phone.transfer("2003");
    expect(sent.slice(1)).toEqual(["consult 2002", "attended_transfer", "end_consultation", "blind_transfer 2003"]);
  });

  it("of a colleague who is asked is heard, although their caller is on hold", () => {
    phone.follow({ ...TALKING, held: true, from_colleague: "Dora" });
    expect(talk.isSilent).toBe(false);
  });

  it("ends with the view's call, and the microphone is released", () => {
    phone.follow(null);
    expect([talk.isOn, state.streaming, FakeWebSocket.latest.isClosed]).toEqual([false, false, true]);
  });

  it("that the person ends is silent at once, and the call center is told again when it comes back", () => {
    isReachable = false;
    phone.hangUp();
    expect([talk.isOn, state.streaming, FakeWebSocket.latest.isClosed]).toEqual([false, false, true]);
    expect(state.fault).toContain("You have hung up");
    isReachable = true;
    phone.reconnected();
    phone.follow({ ...TALKING, stream_key: "key-2" });
    expect([talk.isOn, sockets(), sent.at(-1)]).toEqual([false, 1, "hang_up"]);
    phone.follow({ ...TALKING, stream_key: "key-2" });
    expect(sent.filter((action) => action === "hang_up")).toHaveLength(1);
    phone.follow({ ...TALKING, transfer_id: "h-2" });
    expect([talk.isOn, sockets()]).toEqual([true, 2]);
  });

  it("goes on after a reload without anybody's doing, as muted as before", () => {
    phone.consult("2002");
    phone.setMuted(true);
    state = INITIAL;
    const before = phone;
    phone = newPhone();
    phone.follow({ ...TALKING, stream_key: "key-2", held: true, consultation: "talking" });
    expect([talk.isOn, talk.isSilent, state.muted, sockets()]).toEqual([true, true, true, 2]);
    phone.complete();
    expect(sent.at(-1)).toBe("attended_transfer");
    phone.follow(null);
    phone.follow({ ...TALKING, transfer_id: "h-2" });
    expect([talk.isSilent, state.muted]).toEqual([false, false]);
    before.follow(null);
  });

  it("of somebody who is logged out ends on the login page", () => {
    FakeWebSocket.latest.breakOff(4401);
    expect(toLogin).toHaveBeenCalledOnce();
  });
});

describe("the microphone", () => {
  const permission = (answer: string) => ({ permissions: { query: () => Promise.resolve({ state: answer }) } });

  it("is asked for before the first call, and is not kept open", async () => {
    vi.stubGlobal("navigator", permission("prompt"));
    expect(await phone.prepare()).toBe(true);
    expect([talk.isMicrophoneOpen, state.micFault]).toEqual([false, null]);
    talk.refusal = "refused";
    expect(await phone.prepare()).toBe(false);
    expect(state.micFault).toBe("refused");
  });

  it("that is allowed is not opened", async () => {
    vi.stubGlobal("navigator", permission("granted"));
    talk.refusal = "refused";
    expect(await phone.prepare()).toBe(true);
  });
});
