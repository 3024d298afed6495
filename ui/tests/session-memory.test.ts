// @vitest-environment happy-dom

import { beforeEach, expect, it } from "vitest";
import { loadSession, rememberedState, saveSession, saveUnanswered } from "../src/voice/session-memory";
import { INITIAL, isThinking, mood, type State } from "../src/voice/state";

const TICKET = { resumeToken: "ticket", lastSeq: 7, heard: [{ turn: "t-1", turnNumber: 1, samples: 4_800 }] };
const STATE: State = { ...INITIAL, userName: "Anna", turns: { "t-1": "u-1" }, waitingSince: 5 };

beforeEach(() => {
  sessionStorage.clear();
});

it("a reload restores the session, and still waits for unanswered utterances", () => {
  saveSession(STATE, TICKET);
  saveUnanswered([
    { kind: "spoken", id: "u-1", format: "webm", turn: "t-1", audio: "AAAA" },
    { kind: "typed", id: "u-2", text: "and eggs", turn: null },
  ]);
  const memory = loadSession();
  expect(memory).toMatchObject(TICKET);
  expect(memory?.unanswered.map(({ id }) => id)).toEqual(["u-1", "u-2"]);
  const state = rememberedState(memory);
  expect([mood(state), isThinking(state), state.unanswered]).toEqual(["reconnecting", true, ["u-2"]]);
});

it("unanswered utterances are kept for one reload only", () => {
  saveSession(STATE, TICKET);
  saveUnanswered([{ kind: "typed", id: "u-2", text: "and eggs", turn: null }]);
  loadSession();
  expect(loadSession()?.unanswered).toEqual([]);
});

it("without a session there is nothing to resume", () => {
  saveSession(STATE, TICKET);
  saveSession(STATE, null);
  expect(loadSession()).toBeNull();
  expect(rememberedState(null)).toEqual(INITIAL);
});
