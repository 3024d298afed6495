import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TalkAudio, TalkCallbacks } from "../src/audio/talk-audio";
import { Store } from "../src/common/store";
import { Call } from "../src/voice/call";
import { parseFrame } from "../src/voice/frames";
import { reduce } from "../src/voice/reducer";
import type { SessionMemory } from "../src/voice/session-memory";
import type { SpeakerOutput } from "../src/voice/speaker-output";
import { INITIAL, mood, type Action, type State } from "../src/voice/state";
import { answer, authOk, authRequired, FakeSocket, piece, processingStart, soundFrame, transcript } from "./fakes";
import { FakeOutput, soundMs } from "./fake-output";

const PER_MS = 24; // samples of an answer
const FADE_MS = 10;

let sockets: FakeSocket[];
let output: FakeOutput;
let talk: { callbacks: TalkCallbacks | null; heard: number[][]; on: boolean };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
  [sockets, output, talk] = [[], new FakeOutput(), { callbacks: null, heard: [], on: false }];
});
afterEach(() => {
  vi.useRealTimers();
});

function socket(): FakeSocket {
  const latest = sockets.at(-1);
  if (!latest) throw new Error("no socket was opened");
  return latest;
}

function openTalk(callbacks: TalkCallbacks): TalkAudio {
  talk.callbacks = callbacks;
  const play = (pcm: Int16Array) => talk.heard.push([...pcm]);
  const set = (on: boolean) => (talk.on = on);
  return { set, unblock: () => undefined, setVolume: () => undefined, play } as unknown as TalkAudio;
}

function newCall(memory: SessionMemory | null = null) {
  const store = new Store<State, Action>(reduce, INITIAL);
  const parts = {
    store,
    output: Object.assign(output, { report: () => undefined }) as unknown as SpeakerOutput,
    openSocket: () => {
      sockets.push(new FakeSocket());
      return socket();
    },
    memory,
    openTalk,
    onStream: () => undefined,
  };
  return { call: new Call(parts), store };
}

function live() {
  const { call, store } = newCall();
  socket().receive(authRequired());
  call.submitPin("471182");
  socket().receive(authOk());
  return { call, store };
}

function frame(fromMs: number, ms: number, seq: number, isLast = false): ArrayBuffer {
  const samples = new Int16Array(ms * PER_MS).fill(16_000);
  return soundFrame(samples, { firstSample: fromMs * PER_MS, seq, isLast });
}

async function heardMs(ms: number): Promise<number> {
  await vi.advanceTimersByTimeAsync(0);
  return soundMs(output.play(ms));
}

/** Utterance id of the last typed text. */
function saidId(): string {
  const said = socket().sent.findLast((message) => message.type === "text_input");
  return said?.utterance_id ?? "";
}

/** The server dies, and another one resumes the session. */
function resume(pending_utterance_id: string | null): void {
  socket().breakOff();
  vi.advanceTimersToNextTimer();
  socket().open();
  socket().receive(authOk({ resumed: true, ...(pending_utterance_id ? { pending_utterance_id } : {}) }));
}

describe("a turn", () => {
  it("is thinking, then speaking while its answer is played, and ready after the last sample", async () => {
    const { call, store } = live();
    call.sendText("add milk");
    expect(mood(store.state)).toBe("thinking");
    socket().receive(processingStart("t-1", saidId(), 1));
    socket().receive(transcript("t-1", "add milk", 2));
    socket().receive(piece("t-1", "I added milk.", 3));
    socket().receiveSound(frame(0, 200, 4));
    socket().receive(answer("t-1", "I added milk.", 5));
    socket().receiveSound(frame(200, 0, 6, true));
    expect(await heardMs(100)).toBeGreaterThan(80);
    expect(mood(store.state)).toBe("speaking");
    await heardMs(200);
    expect(mood(store.state)).toBe("ready");
    expect(store.state.transcript.map(({ text }) => text)).toEqual(["add milk", "I added milk."]);
  });

  it("that another server repeats is played once, and sent once", async () => {
    const { call, store } = live();
    call.sendText("add milk");
    const id = saidId();
    socket().receive(processingStart("t-1", id, 1));
    socket().receiveSound(frame(0, 300, 2));
    await heardMs(100);

    resume(id);
    expect(socket().sent).toEqual([{ type: "authenticate", audio: "stream", resume_token: "ticket", last_seq: 2 }]);
    socket().receive(processingStart("t-1", id, 11));
    socket().receiveSound(frame(0, 300, 12));
    socket().receiveSound(frame(300, 100, 13, true));
    await heardMs(500);
    expect(soundMs(output.heard)).toBeCloseTo(400 + FADE_MS, 0);
    expect(mood(store.state)).toBe("ready");
  });

  it("that the new server does not know is sent again", () => {
    const { call } = live();
    call.sendText("add milk");
    resume(null);
    expect(socket().sent.slice(1)).toEqual([expect.objectContaining({ type: "text_input", text: "add milk" })]);
  });

  it("that is stopped is silent, whatever still arrives", async () => {
    const { call, store } = live();
    socket().receive(processingStart("t-1", "u-1", 1));
    socket().receiveSound(frame(0, 300, 2));
    await heardMs(100);
    call.stop();
    expect(socket().sent.at(-1)).toEqual({ type: "cancel" });
    expect(mood(store.state)).toBe("ready");
    socket().receiveSound(frame(300, 300, 3));
    expect(await heardMs(500)).toBeLessThanOrEqual(FADE_MS);
  });
});

it("a reload continues the answer where it was", async () => {
  const { call } = live();
  socket().receive(processingStart("t-1", "u-1", 1));
  socket().receiveSound(frame(0, 200, 2));
  socket().receiveSound(frame(200, 200, 3));
  socket().receiveSound(frame(400, 100, 4, true));
  await heardMs(302);
  const { ticket } = call;
  expect(ticket).toMatchObject({ lastSeq: 2, heard: [{ turn: "t-1", turnNumber: 1 }] });
  expect(Math.abs((ticket?.heard[0]?.samples ?? 0) / PER_MS - 300)).toBeLessThan(1);

  output = new FakeOutput();
  const { transcript: lines, turns, waitingSince, userName, offline } = INITIAL;
  if (ticket) newCall({ ...ticket, lines, turns, waitingSince, userName, offline, unanswered: [] });
  socket().open();
  expect(socket().sent[0]).toMatchObject({ last_seq: 2 });
  socket().receive(authOk({ resumed: true }));
  socket().receiveSound(frame(200, 200, 3));
  socket().receiveSound(frame(400, 100, 4, true));
  expect(Math.abs((await heardMs(500)) - 200 - FADE_MS)).toBeLessThan(1);
});

it("a talk with a human goes both ways in frames of its own kind, and is never played as an answer", async () => {
  live();
  socket().receiveSound(soundFrame([1, 2, 3], { kind: 4 }));
  for (const pcm of [Int16Array.of(5, 6), Int16Array.of(7, 8)]) talk.callbacks?.onSlice(pcm.buffer);
  expect(talk.heard).toEqual([[1, 2, 3]]);
  expect(socket().audio.map((frame) => parseFrame(frame))).toMatchObject([
    { kind: "talk", firstSample: 0, pcm: Int16Array.of(5, 6) },
    { kind: "talk", firstSample: 2, pcm: Int16Array.of(7, 8) },
  ]);
  expect(await heardMs(100)).toBe(0);
});

it("a human who passes the caller on is followed by ringing, with the microphone closed, and by the next human", () => {
  const { store } = live();
  const transfer = { type: "transfer_status", session_id: "s-1", department: "support", extension: "2001" } as const;
  socket().receive({ ...transfer, seq: 1, state: "connected", agent_name: "Dora" });
  expect([talk.on, mood(store.state)]).toEqual([true, "talking"]);
  socket().receive({ ...transfer, seq: 2, state: "ringing", agent_name: "Eve" });
  expect([talk.on, mood(store.state)]).toEqual([false, "waiting"]);
  socket().receive({ ...transfer, seq: 3, state: "connected", agent_name: "Eve" });
  expect([talk.on, mood(store.state)]).toEqual([true, "talking"]);
});

it("a call without room says when it retries, and retries with the typed PIN", () => {
  const { call, store } = newCall();
  socket().receive(authRequired());
  call.submitPin("471182");
  const refusal = { type: "error", code: "overloaded", message: "full", session_id: "", seq: 0 } as const;
  socket().receive({ ...refusal, retry_after_ms: 3_000 });
  expect(mood(store.state)).toBe("busy");
  const wait = (store.state.noRoom?.retryAt ?? 0) - Date.now();
  expect(wait).toBeGreaterThanOrEqual(3_000);
  expect(wait).toBeLessThanOrEqual(4_000);
  call.tryNow();
  socket().receive(authRequired());
  expect(socket().sent).toEqual([{ type: "authenticate", audio: "stream", pin: "471182" }]);
  socket().receive({ ...refusal, retry_after_ms: 3_000 });
  call.stopTrying();
  expect([mood(store.state), store.state.noRoom]).toEqual(["ended", null]);
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(2);
});
