import { describe, expect, it } from "vitest";
import { placed, ticksOf, waterfallOf, type Span } from "../src/agent-monitor/waterfall";
import type { HandOverRecord, ToolCallRecord, TurnRecord } from "../src/protocol.generated";

const MARKS = {
  capture_ms: 3_420,
  stt_ms: 143.2,
  agent_start_ms: 151,
  first_token_ms: 612.4,
  first_sentence_ms: 688.1,
  tts_ms: 801.9,
  first_audio_ms: 804.4,
  agent_ms: 1_203,
  last_audio_ms: 1_650.2,
};

function record(voice_timing: Record<string, number>, change: Partial<TurnRecord> = {}): TurnRecord {
  return {
    request_id: "s1:t1",
    user_id: "u1",
    user_name: "Ada Park",
    timestamp: 0,
    datetime: "",
    provider: "anthropic",
    model: "model",
    user_prompt: "",
    agent_response: "",
    tool_calls: [],
    status: "success",
    duration_ms: 1_700,
    metadata: {
      session_id: "s1",
      turn_id: "t1",
      agent_type: "todo",
      source: "voice",
      t0: 0,
      tokens_in: 0,
      tokens_out: 0,
      voice_timing,
    },
    ...change,
  };
}

const tool = (change: Partial<ToolCallRecord>): ToolCallRecord => ({
  tool_name: "create_todo",
  tool_id: "c1",
  arguments: {},
  elapsed_from_stop_ms: 300,
  duration_ms: 40,
  status: "success",
  ...change,
});

const stagesOf = (spans: Span[]) => spans.filter(({ kind }) => kind === "stage");
const sum = (spans: Span[]) => stagesOf(spans).reduce((all, { from, to }) => all + to - from, 0);

describe("the stages of a turn", () => {
  it("follow each other from the end of the utterance, and add up to the caller's wait", () => {
    const { spans, waited } = waterfallOf(record(MARKS));
    const stages = stagesOf(spans);
    expect(waited).toBe(804.4);
    expect(stages).toHaveLength(6);
    expect(stages[0]?.from).toBe(0);
    for (const [index, { from }] of stages.slice(1).entries()) expect(from).toBe(stages[index]?.to);
    expect(sum(spans)).toBeCloseTo(804.4, 6);
  });

  it.each(["stt_ms", "agent_start_ms", "first_token_ms", "first_sentence_ms", "tts_ms"])(
    "add up to it without %s, too",
    (missing) => {
      const marks = Object.fromEntries(Object.entries(MARKS).filter(([mark]) => mark !== missing));
      const { spans } = waterfallOf(record(marks));
      expect(stagesOf(spans)).toHaveLength(5);
      expect(sum(spans)).toBeCloseTo(804.4, 6);
    },
  );

  it("are ordered by time, whatever the order of the marks", () => {
    const { spans } = waterfallOf(record({ ...MARKS, first_sentence_ms: 200, tts_ms: 2_000 }));
    expect(sum(spans)).toBeCloseTo(804.4, 6);
    expect(stagesOf(spans).every(({ from, to }) => to >= from)).toBe(true);
  });

  it("end with the answer when nothing was spoken, and with the turn when there is no answer", () => {
    const text = waterfallOf(record({ agent_start_ms: 10, first_token_ms: 200, agent_ms: 500 }));
    expect([text.waited, text.waitedFor]).toEqual([500, "until the answer"]);
    expect(sum(text.spans)).toBe(500);
    const failed = waterfallOf(record({ stt_ms: 100 }, { status: "failed" }));
    expect([failed.waited, failed.waitedFor]).toEqual([1_700, "until it was given up"]);
    expect(sum(failed.spans)).toBe(1_700);
  });
});

describe("beside the stages", () => {
  it("the recording is before the end of the utterance, and the rest of answer and audio after the wait", () => {
    const { spans } = waterfallOf(record(MARKS));
    expect(spans.find(({ kind }) => kind === "capture")).toMatchObject({ from: -3_420, to: 0 });
    expect(spans.filter(({ kind }) => kind === "beside").map(({ from, to }) => [from, to])).toEqual([
      [612.4, 1_203],
      [804.4, 1_650.2],
    ]);
  });

  it("tools are placed where they ran, and a failed one is marked", () => {
    const { spans } = waterfallOf(record(MARKS, { tool_calls: [tool({}), tool({ status: "failed" })] }));
    expect(spans.filter(({ name }) => name === "create_todo")).toEqual([
      { name: "create_todo", from: 300, to: 340, kind: "tool" },
      { name: "create_todo", from: 300, to: 340, kind: "failed" },
    ]);
  });

  it("a tool without an end lasts until the end of the turn", () => {
    const pending: ToolCallRecord = {
      tool_name: "slow",
      tool_id: "c2",
      arguments: {},
      elapsed_from_stop_ms: 300,
      status: "pending",
    };
    const { spans } = waterfallOf(record(MARKS, { tool_calls: [pending] }));
    expect(spans.at(-1)).toMatchObject({ from: 300, to: 1_700 });
  });
});

describe("a hand-over", () => {
  const facts: HandOverRecord = {
    department: "sales",
    extension: "2001",
    agent_name: "Sam Rivera",
    outcome: "ended",
    why: null,
    declined: [],
    waited_s: 23.4,
    talked_s: 100,
    sentences: 3,
    summary: "Sam Rivera talked with them.",
  };
  const of = (hand_over: HandOverRecord) => {
    const plain = record({});
    return waterfallOf({ ...plain, metadata: { ...plain.metadata, source: "transfer", hand_over } });
  };

  it("is the wait and then the talk", () => {
    expect(of(facts).spans.map(({ from, to }) => [from, to])).toEqual([
      [0, 23_400],
      [23_400, 123_400],
    ]);
    expect(of(facts).waited).toBe(23_400);
  });

  it("that failed has no talk", () => {
    expect(of({ ...facts, outcome: "failed", talked_s: 0 }).spans).toHaveLength(1);
  });
});

describe("the axis", () => {
  it("places spans as fractions of its length, and cuts off a long recording", () => {
    const axis = { from: -500, to: 1_500 };
    expect(placed({ from: 0, to: 1_000 }, axis)).toEqual([0.25, 0.5]);
    expect(placed({ from: -3_000, to: 0 }, axis)).toEqual([0, 0.25]);
    const waterfall = waterfallOf(record(MARKS));
    expect(waterfall.from).toBeCloseTo(-0.3 * 1_650.2, 6);
    expect(waterfall.to).toBe(1_650.2);
  });

  it.each([
    [{ from: -495, to: 1_650 }, [0, 500, 1_000, 1_500]],
    [{ from: 0, to: 1 }, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  ])("from %o has round ticks", (axis, ticks) => {
    expect(ticksOf(axis).map((tick) => Number(tick.toFixed(6)) + 0)).toEqual(ticks);
  });
});
