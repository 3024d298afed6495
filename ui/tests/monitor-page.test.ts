// @vitest-environment happy-dom

import { beforeEach, expect, it, vi } from "vitest";
import html from "../src/agent-monitor/index.html?raw";
import { INITIAL, type State } from "../src/agent-monitor/state";
import { mountCalls } from "../src/agent-monitor/views/calls";
import { mountDetail } from "../src/agent-monitor/views/detail";
import { mountTranscript } from "../src/agent-monitor/views/transcript";
import { mountTurnList } from "../src/agent-monitor/views/turn-list";
import type { HandOverRecord, LiveCall, TurnRecord, TurnRow } from "../src/protocol.generated";
import { open, textOf } from "./page";

const MARKUP = '<img src="x" onerror="alert(1)">';

const CALL: LiveCall = {
  session_id: "s-1",
  user_name: MARKUP,
  state: "with_human",
  state_since: 0,
  began_at: 0,
  turns: 1,
  failed_turns: 0,
  last_who: "human",
  last_words: MARKUP,
  department: MARKUP,
  host: MARKUP,
};
const HAND_OVER: HandOverRecord = {
  department: MARKUP,
  extension: MARKUP,
  agent_name: MARKUP,
  outcome: "ended",
  why: null,
  declined: [`Dora: ${MARKUP}`],
  waited_s: 1,
  talked_s: 1,
  sentences: 1,
  summary: MARKUP,
};
const TURN = { request_id: "r-1", user_id: "u-1", user_name: MARKUP, provider: "human", model: "human" } as const;
const WORDS = { user_prompt: MARKUP, agent_response: MARKUP, status: "success", duration_ms: 1 } as const;
const ROW: TurnRow = {
  ...TURN,
  ...WORDS,
  timestamp: 0,
  session_id: "s-1",
  agent_type: "general",
  source: "transfer",
  first_audio_ms: null,
  tool_calls: 0,
  failed_tools: 0,
  hand_over: true,
};
const RECORD: TurnRecord = {
  ...TURN,
  ...WORDS,
  timestamp: 0,
  datetime: "",
  tool_calls: [],
  error: MARKUP,
  metadata: {
    session_id: "s-1",
    turn_id: "t-1",
    agent_type: "general",
    source: "transfer",
    t0: 0,
    stt_provider: null,
    tts_provider: null,
    voice_timing: {},
    tokens_in: 0,
    tokens_out: 0,
    transfer_marker: null,
    hand_over: HAND_OVER,
  },
};

beforeEach(() => {
  open(html);
});

it("shows names, reasons and all that is said as text", () => {
  const nothing = vi.fn();
  const views = [
    mountCalls({ watch: nothing, filter: nothing }),
    mountTranscript(nothing),
    mountTurnList(nothing),
    mountDetail(nothing),
  ];
  const line = { number: 1, text: MARKUP, at: 0, who: "human", failed: false, open: false } as const;
  const watched = { sessionId: "s-1", call: CALL, ended: false, lines: new Map([[1, line]]) };
  const live = { ...INITIAL.live, connected: true, calls: new Map([["s-1", CALL]]), watched };
  const page = { turns: [ROW], next: null };
  const turns = { ...INITIAL.turns, page, open: "r-1", detail: RECORD };
  for (const section of ["now", "turns"] as const) {
    const state: State = { ...INITIAL, section, live, turns };
    for (const view of views) view(state);
  }
  expect(textOf("transcript-title")).toBe(MARKUP);
  for (const shown of ["calls", "line-list", "turns", "detail-title", "turn-prompt", "turn-error"])
    expect(textOf(shown), shown).toContain(MARKUP);
  expect(textOf("hand-over")).toContain(`Declined byDora: ${MARKUP}`);
  expect(document.querySelectorAll("img")).toHaveLength(0);
});
