/** Computes a turn's waterfall: what the caller waited for, in milliseconds from the end of the utterance. */

import type { TurnRecord } from "../protocol.generated";

export interface Span {
  name: string;
  /** A negative start is before the end of the utterance. */
  from: number;
  to: number;
  /** A `stage` is part of the wait; `beside` ran in parallel or afterwards. */
  kind: "capture" | "stage" | "beside" | "tool" | "failed" | "talk";
}

export interface Waterfall {
  spans: Span[];
  /** The caller's wait: until the first audio, or until the answer of a turn without voice. The stages add up to it. */
  waited: number;
  waitedFor: string;
  /** The ends of the time axis. */
  from: number;
  to: number;
}

/** The part of the axis before the end of the utterance is at most this much of the part after it. */
const MAX_BEFORE = 0.3;

/** The marks before the first audio, and the work that ends at each. */
const STAGES: [mark: string, name: string][] = [
  ["stt_ms", "Recognition"],
  ["agent_start_ms", "Choice of the domain"],
  ["first_token_ms", "Model and tools, to the first words"],
  ["first_sentence_ms", "First sentence"],
  ["tts_ms", "Voice of the first sentence"],
  ["first_audio_ms", "First audio sent"],
];

export function waterfallOf(record: TurnRecord): Waterfall {
  const { hand_over: handOver, voice_timing: marks } = record.metadata;
  const end = endOfWait(record);
  const spans = handOver ? [] : [...capture(marks), ...stages(marks, end), ...beside(marks), ...tools(record)];
  if (handOver) {
    const connected = handOver.waited_s * 1_000;
    spans.push({ name: "Waited for a human", from: 0, to: connected, kind: "stage" });
    if (handOver.talked_s > 0) {
      spans.push({ name: "Talked", from: connected, to: connected + handOver.talked_s * 1_000, kind: "talk" });
    }
  }
  const to = Math.max(1, ...spans.map((span) => span.to));
  // a long recording would leave no room for the wait
  const from = Math.max(-MAX_BEFORE * to, Math.min(0, ...spans.map((span) => span.from)));
  return { spans, waited: end.at, waitedFor: end.name, from, to };
}

function endOfWait({ metadata, duration_ms, status }: TurnRecord): { at: number; name: string } {
  const { hand_over: handOver, voice_timing: marks } = metadata;
  if (handOver) {
    const isJoined = handOver.outcome === "ended";
    return { at: handOver.waited_s * 1_000, name: isJoined ? "until a human was there" : "until it was given up" };
  }
  const { first_audio_ms: audio, agent_ms: answer } = marks;
  if (audio !== undefined) return { at: audio, name: "until the first audio" };
  if (answer !== undefined) return { at: answer, name: "until the answer" };
  return { at: duration_ms, name: status === "success" ? "until the end" : "until it was given up" };
}

function capture({ capture_ms: length }: Record<string, number>): Span[] {
  return length ? [{ name: "Recording", from: -length, to: 0, kind: "capture" }] : [];
}

/** Each stage begins at the previous mark and ends at its own. Marks are ordered by time. */
function stages(marks: Record<string, number>, end: { at: number; name: string }): Span[] {
  const reached = STAGES.map(([mark, name]) => ({ name, to: marks[mark] ?? Infinity }))
    .filter(({ to }) => to <= end.at)
    .sort((a, b) => a.to - b.to);
  const spans = reached.map(({ name, to }, index): Span => ({
    name,
    from: reached[index - 1]?.to ?? 0,
    to,
    kind: "stage",
  }));
  const last = spans.at(-1)?.to ?? 0;
  if (last < end.at) spans.push({ name: `Then, ${end.name}`, from: last, to: end.at, kind: "stage" });
  return spans;
}

function beside(marks: Record<string, number>): Span[] {
  const { first_token_ms: token, agent_ms: answer, first_audio_ms: audio, last_audio_ms: lastAudio } = marks;
  const spans: Span[] = [];
  if (token !== undefined && answer !== undefined && audio !== undefined) {
    spans.push({ name: "Rest of the answer", from: Math.min(token, answer), to: answer, kind: "beside" });
  }
  if (audio !== undefined && lastAudio !== undefined) {
    spans.push({ name: "Rest of the audio", from: audio, to: lastAudio, kind: "beside" });
  }
  return spans;
}

function tools({ tool_calls, duration_ms }: TurnRecord): Span[] {
  return tool_calls.map(({ tool_name, elapsed_from_stop_ms: from, duration_ms: length, status }) => ({
    name: tool_name,
    from,
    // a tool call without an end was still running when the turn ended
    to: length == null ? Math.max(from, duration_ms) : from + length,
    kind: status === "failed" ? "failed" : "tool",
  }));
}

/** A span's start and width on the axis, as fractions. Anything before the axis is cut off. */
export function placed(
  { from, to }: Pick<Span, "from" | "to">,
  axis: Pick<Waterfall, "from" | "to">,
): [number, number] {
  const length = axis.to - axis.from;
  const start = Math.max(from, axis.from);
  return [(start - axis.from) / length, Math.max(0, to - start) / length];
}

/** Round numbers on the axis, about five of them. */
export function ticksOf({ from, to }: Pick<Waterfall, "from" | "to">): number[] {
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, index) => (first + index) * step);
}
