import { describe, expect, it } from "vitest";
import type { AnyServerMessage } from "../src/protocol.generated";
import { reduce } from "../src/voice/reducer";
import { INITIAL, isThinking, mood, type Action, type State } from "../src/voice/state";
import {
  answer,
  audioChunk,
  authOk,
  authRequired,
  errorMessage,
  piece,
  processingStart,
  status,
  transcript,
} from "./fakes";

const NOW = 1_000_000;

function after(state: State, ...actions: (Action | AnyServerMessage)[]): State {
  return actions.reduce((current, action) => reduce(current, asAction(action)), state);
}

function asAction(action: Action | AnyServerMessage): Action {
  return "seq" in action ? { type: "server", message: action, now: NOW } : action;
}

const LIVE = after(INITIAL, { type: "auth_required", pinRequired: true }, authOk());
const TYPED: Action = { type: "said", utterance: "u-1", text: "add milk", now: NOW };
const SPOKEN: Action = { type: "said", utterance: "u-1", text: null, now: NOW };

function texts(state: State): string[] {
  return state.transcript.map((line) => `${line.role}: ${line.text}`);
}

describe("signing in", () => {
  it("asks for a PIN only when the server wants one", () => {
    expect(mood(after(INITIAL, { type: "auth_required", pinRequired: true }))).toBe("pin");
    expect(mood(after(INITIAL, { type: "auth_required", pinRequired: false }))).toBe("connecting");
  });

  it("shows a refusal in the form, not in the conversation", () => {
    const asked = after(INITIAL, { type: "auth_required", pinRequired: true }, { type: "pin_submitted" });
    const refused = after(asked, errorMessage("auth_failed"));
    expect(refused.pin.checking).toBe(false);
    expect(refused.pin.error).toContain("not accepted");
    expect(refused.transcript).toEqual([]);
  });

  it("knows how long a throttled caller has to wait", () => {
    expect(after(INITIAL, errorMessage("auth_throttled", { retry_after_ms: 3_000 })).pin.waitUntil).toBe(NOW + 3_000);
  });

  it("makes the page ready and lists embedded components", () => {
    const live = after(INITIAL, authRequired(), authOk({ offline: ["stt", "tts"] }));
    expect(mood(live)).toBe("ready");
    expect(live.offline).toEqual(["stt", "tts"]);
  });
});

describe("a turn", () => {
  it("goes from listening to thinking, speaking and ready", () => {
    const moods: string[] = [];
    let state = LIVE;
    for (const action of [
      { type: "recording", on: true },
      SPOKEN,
      { type: "recording", on: false },
      processingStart("t-1", "u-1"),
      answer("t-1", "Done."),
      { type: "playing", on: true },
      audioChunk("t-1", 0, true),
      { type: "playing", on: false },
    ] as const) {
      state = after(state, action);
      moods.push(mood(state));
    }
    expect(moods).toEqual([
      "listening",
      "listening",
      "thinking",
      "thinking",
      "thinking",
      "speaking",
      "speaking",
      "ready",
    ]);
  });

  it("counts the seconds from the end of the utterance and stops at its end", () => {
    const thinking = after(LIVE, SPOKEN, processingStart("t-1", "u-1"), status("Transcribing…"));
    expect(thinking.waitingSince).toBe(NOW);
    expect(thinking.detail).toBe("Transcribing…");
    const over = after(thinking, audioChunk("t-1", 0, true));
    expect([over.waitingSince, over.detail]).toEqual([null, null]);
  });

  it("shows typed text at once and assigns it to the turn", () => {
    const typed = after(LIVE, TYPED);
    expect(typed.transcript[0]).toMatchObject({ text: "add milk", draft: true });
    const heard = after(typed, processingStart("t-1", "u-1"), transcript("t-1", "add milk"));
    expect(heard.transcript).toHaveLength(1);
    expect(heard.transcript[0]).toMatchObject({ turn: "t-1", draft: false });
  });

  it("that is repeated replaces its entries", () => {
    const told = after(LIVE, transcript("t-1", "ad milk"), answer("t-1", "Done"));
    expect(texts(after(told, transcript("t-1", "add milk"), answer("t-1", "Done.")))).toEqual([
      "caller: add milk",
      "agent: Done.",
    ]);
  });

  it("keeps its answer next to its question if another one was typed meanwhile", () => {
    const busy = after(LIVE, processingStart("t-1", "u-1"), transcript("t-1", "first"));
    const next = after(busy, { type: "said", utterance: "u-2", text: "second", now: NOW });
    expect(texts(after(next, answer("t-1", "one")))).toEqual(["caller: first", "agent: one", "caller: second"]);
  });

  it("shows a tool's progress and result in one entry", () => {
    const tool = { type: "tool_event", tool: "create_todo", label: "Adding the todo", turn_id: "t-1" } as const;
    const started = after(LIVE, { ...tool, session_id: "", seq: 1, phase: "started" });
    const finished = after(started, { ...tool, session_id: "", seq: 2, phase: "finished" });
    expect(texts(started)).toEqual(["notice: Adding the todo…"]);
    expect(texts(finished)).toEqual(["notice: Adding the todo – done"]);
  });

  it("is over after its streamed audio, like after its last file", () => {
    const thinking = after(LIVE, SPOKEN, processingStart("t-1", "u-1"), answer("t-1", "Done."));
    const over = after(thinking, { type: "answer_over", turn: "t-1" });
    expect([isThinking(over), over.waitingSince]).toEqual([false, null]);
  });

  it("that fails says so in words and ends with its spoken apology", () => {
    const failed = after(LIVE, SPOKEN, processingStart("t-1", "u-1"), errorMessage("no_speech", { turn_id: "t-1" }));
    expect(texts(failed)).toEqual(["notice: I didn't catch that. Please say it again."]);
    expect(isThinking(failed)).toBe(true);
    expect(isThinking(after(failed, audioChunk("t-1", 0, true)))).toBe(false);
  });

  it("that is refused is no longer waited for", () => {
    const refused = after(LIVE, SPOKEN, errorMessage("busy"), { type: "refused", utterance: "u-1" });
    expect(mood(refused)).toBe("ready");
  });

  it("that is cancelled leaves the caller free at once", () => {
    const cancelled = after(LIVE, SPOKEN, processingStart("t-1", "u-1"), { type: "cancelled" });
    expect(mood(cancelled)).toBe("ready");
    expect(cancelled.waitingSince).toBeNull();
  });
});

describe("an answer that is still being written", () => {
  const growing = after(LIVE, processingStart("t-1", "u-1"), piece("t-1", "I added", 5), piece("t-1", " milk.", 6));

  it("grows piece by piece, and the complete answer replaces it", () => {
    expect(growing.transcript).toEqual([expect.objectContaining({ text: "I added milk.", draft: true })]);
    const whole = after(growing, answer("t-1", "I added **milk**.", 7));
    expect(whole.transcript).toEqual([expect.objectContaining({ text: "I added **milk**.", draft: false })]);
  });

  it("does not grow by pieces that are repeated after a reload", () => {
    expect(after(growing, piece("t-1", " milk.", 6))).toBe(growing);
    const whole = after(growing, answer("t-1", "I added milk.", 7));
    expect(after(whole, piece("t-1", " milk.", 6))).toBe(whole);
  });

  it("starts over when its turn is repeated, and is shown until then", () => {
    const again = after(growing, processingStart("t-1", "u-1", 20));
    expect(texts(again)).toEqual(["agent: I added milk."]);
    const grown = after(again, piece("t-1", "I have added", 21), piece("t-1", " milk.", 22));
    expect(texts(grown)).toEqual(["agent: I have added milk."]);
  });

  it("stays as it is when its turn ends without the rest, or is cancelled", () => {
    for (const end of [{ type: "answer_over", turn: "t-1" }, { type: "cancelled" }] as const) {
      const over = after(growing, end, piece("t-1", " And more.", 8));
      expect(over.transcript).toEqual([expect.objectContaining({ text: "I added milk.", draft: false })]);
    }
  });

  it("is not waited for when the server has forgotten its turn", () => {
    const back = after(growing, { type: "lost" }, authOk({ resumed: true }));
    expect(back.transcript[0]?.draft).toBe(false);
    const known = after(growing, { type: "lost" }, authOk({ resumed: true, pending_utterance_id: "u-1" }));
    expect(known.transcript[0]?.draft).toBe(true);
  });
});

describe("a server without room", () => {
  const full: Action = { type: "no_room", because: "All lines are busy right now.", retryAt: NOW + 4_000 };

  it("is named as the reason for waiting", () => {
    const waiting = after(INITIAL, { type: "lost" }, full);
    expect(mood(waiting)).toBe("busy");
    expect(mood(after(waiting, authOk()))).toBe("ready");
    expect(mood(after(waiting, { type: "lost" }))).toBe("reconnecting");
  });

  it("does not refuse the PIN, which is still being checked", () => {
    const asked = after(INITIAL, { type: "auth_required", pinRequired: true }, { type: "pin_submitted" });
    const waiting = after(asked, { type: "lost" }, full);
    expect(waiting.pin).toMatchObject({ checking: true, error: null });
    const refused = after(waiting, { type: "auth_required", pinRequired: true }, errorMessage("auth_failed"));
    expect([refused.noRoom, refused.pin.checking]).toEqual([null, false]);
  });
});

describe("errors", () => {
  it("tell when to try again", () => {
    const told = after(LIVE, errorMessage("overloaded", { retry_after_ms: 1_500 }));
    expect(texts(told)).toEqual(["notice: All lines are busy right now. Please try again in 2 seconds."]);
  });

  it("in a burst are shown once", () => {
    expect(after(LIVE, errorMessage("rate_limited"), errorMessage("rate_limited")).transcript).toHaveLength(1);
  });

  it("without a text of the page are shown in the server's words", () => {
    expect(texts(after(LIVE, errorMessage("agent_failed", { turn_id: "t-1" })))).toEqual([
      "notice: the server's words",
    ]);
  });
});

describe("a lost connection", () => {
  it("keeps the conversation and continues where it was", () => {
    const lost = after(LIVE, transcript("t-1", "hi"), { type: "lost" });
    expect(mood(lost)).toBe("reconnecting");
    const back = after(lost, authOk({ resumed: true }));
    expect(mood(back)).toBe("ready");
    expect(texts(back)).toEqual(["caller: hi"]);
  });

  it("keeps waiting only for the turn that the server still works on", () => {
    const waiting = after(LIVE, processingStart("t-1", "u-1"), processingStart("t-2", "u-2"), { type: "lost" });
    const back = after(waiting, authOk({ resumed: true, pending_utterance_id: "u-2" }));
    expect(back.turns).toEqual({ "t-2": "u-2" });
  });

  it("that can't be resumed asks for the PIN and keeps what was said to be read", () => {
    const failed = after(LIVE, transcript("t-1", "hi"), { type: "lost" }, { type: "resume_failed" });
    expect(failed.inSession).toBe(false);
    expect(failed.pin.error).toContain("could not be resumed");
    expect(texts(failed)).toEqual(["caller: hi"]);
  });
});

describe("the end", () => {
  it("frees everything and says why", () => {
    const ended = after(LIVE, { type: "recording", on: true }, SPOKEN, { type: "ended", because: "You hung up." });
    expect(mood(ended)).toBe("ended");
    expect([ended.recording, isThinking(ended), ended.endedBecause]).toEqual([false, false, "You hung up."]);
  });

  it("is followed by a new call at the same volume", () => {
    const loud = after(LIVE, { type: "volume", volume: 0.3, muted: true }, { type: "ended", because: "" });
    expect(after(loud, { type: "connecting" })).toEqual({ ...INITIAL, volume: 0.3, muted: true });
  });
});

it("a long conversation is bounded", () => {
  const told = Array.from({ length: 150 }, (_, index) => transcript(`t-${index}`, `line ${index}`));
  const { transcript: entries } = after(LIVE, ...told);
  expect(entries).toHaveLength(100);
  expect(entries.at(-1)?.text).toBe("line 149");
});
