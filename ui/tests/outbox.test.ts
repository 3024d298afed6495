import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AnyClientMessage } from "../src/protocol.generated";
import { fromBase64 } from "../src/common/base64";
import { Outbox, type StoredUtterance } from "../src/voice/outbox";

let sent: AnyClientMessage[];
let online: boolean;
let outbox: Outbox;

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  online = true;
  let count = 0;
  outbox = new Outbox(
    (message) => {
      if (online) sent.push(message);
      return online;
    },
    () => `u-${(count += 1)}`,
  );
});

afterEach(() => {
  vi.useRealTimers();
});

const bytes = (...values: number[]) => Uint8Array.from(values);

function audioOf(messages: readonly AnyClientMessage[]): number[] {
  return messages.flatMap((message) =>
    message.type === "audio_chunk" ? Array.from(fromBase64(message.data_b64)) : [],
  );
}

function sequences(messages: readonly AnyClientMessage[]): (number | undefined)[] {
  return messages.flatMap((message) => (message.type === "audio_chunk" ? [message.sequence] : []));
}

function record(...slices: Uint8Array[]): string {
  const id = outbox.begin("webm");
  for (const slice of slices) outbox.addSlice(id, slice);
  return id;
}

describe("an utterance", () => {
  it("is sent as it is recorded", () => {
    outbox.finish(record(bytes(1, 2), bytes(3)));
    expect(sent.map((message) => message.type)).toEqual([
      "start_recording",
      "audio_chunk",
      "audio_chunk",
      "stop_recording",
    ]);
    expect(sent[0]).toMatchObject({ utterance_id: "u-1", format: "webm", stt_mode: "batch" });
    expect(sent[2]).toMatchObject({ sequence: 1 });
    expect(audioOf(sent)).toEqual([1, 2, 3]);
  });

  it("names its sample rate when it is not WebM", () => {
    outbox.begin("pcm16");
    expect(sent[0]).toMatchObject({ format: "pcm16", sample_rate: 16_000 });
  });

  it("does not send an empty slice", () => {
    record(bytes());
    expect(sent).toHaveLength(1);
  });
});

describe("after a lost connection", () => {
  it("an utterance still being recorded is sent again and goes on", () => {
    const id = record(bytes(1));
    online = false;
    outbox.addSlice(id, bytes(2));
    online = true;
    sent = [];
    outbox.resend(null);
    outbox.addSlice(id, bytes(3));
    expect(sent).toEqual([expect.objectContaining({ type: "start_recording", utterance_id: id })]);
    outbox.acknowledged(id, -1);
    outbox.addSlice(id, bytes(4));
    outbox.finish(id);
    expect(audioOf(sent)).toEqual([1, 2, 3, 4]);
    expect(sequences(sent)).toEqual([0, 1]);
    expect(sent.at(-1)).toEqual({ type: "stop_recording" });
  });

  it("an utterance that the server has in part is continued after that part", () => {
    const id = record(bytes(1), bytes(2), bytes(3));
    online = false;
    outbox.addSlice(id, bytes(4));
    outbox.finish(id);
    online = true;
    sent = [];
    outbox.resend(null);
    outbox.acknowledged(id, 1);
    expect(sent.map((message) => message.type)).toEqual(["start_recording", "audio_chunk", "stop_recording"]);
    expect(audioOf(sent)).toEqual([3, 4]);
    expect(sequences(sent)).toEqual([2]);
  });

  it("joined slices get the numbers that the server expects", () => {
    const id = record(bytes(1), bytes(2), bytes(3), bytes(4));
    outbox.resend(null);
    outbox.acknowledged(id, 0);
    sent = [];
    outbox.resend(null);
    outbox.acknowledged(id, 1);
    outbox.addSlice(id, bytes(5));
    expect(sequences(sent)).toEqual([2]);
    expect(audioOf(sent)).toEqual([5]);
    sent = [];
    outbox.resend(null);
    outbox.acknowledged(id, 0);
    expect(audioOf(sent)).toEqual([2, 3, 4, 5]);
  });

  it("an utterance that the server has completely is only ended", () => {
    outbox.finish(record(bytes(1), bytes(2)));
    sent = [];
    outbox.resend(null);
    outbox.acknowledged("u-1", 1);
    expect(sent.map((message) => message.type)).toEqual(["start_recording", "stop_recording"]);
  });

  it("a server that does not say what it has gets everything again", () => {
    outbox.finish(record(bytes(1), bytes(2)));
    sent = [];
    outbox.resend(null);
    vi.advanceTimersByTime(1_499);
    expect(sent).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(sent.map((message) => message.type)).toEqual([
      "start_recording",
      "stream_reset",
      "audio_chunk",
      "stop_recording",
    ]);
    outbox.acknowledged("u-1", 0);
    expect(audioOf(sent)).toEqual([1, 2]);
  });

  it("after another loss while waiting for the server, it asks again", () => {
    const id = record(bytes(1), bytes(2));
    outbox.resend(null);
    vi.advanceTimersByTime(1_000);
    sent = [];
    outbox.resend(null);
    vi.advanceTimersByTime(1_000);
    outbox.acknowledged(id, 0);
    expect(audioOf(sent)).toEqual([2]);
    vi.advanceTimersByTime(5_000);
    expect(sent).toHaveLength(2);
  });

  it("later utterances follow in order", () => {
    outbox.finish(record(bytes(1)));
    outbox.type("two");
    sent = [];
    outbox.resend(null);
    const next = record(bytes(3));
    outbox.finish(next);
    expect(sent).toHaveLength(1);
    outbox.acknowledged("u-1", -1);
    outbox.acknowledged(next, -1);
    expect(sent.map((message) => message.type)).toEqual([
      "start_recording",
      "audio_chunk",
      "stop_recording",
      "text_input",
      "start_recording",
      "audio_chunk",
      "stop_recording",
    ]);
    expect(audioOf(sent)).toEqual([1, 3]);
  });

  it("utterances that are dropped meanwhile are not waited for", () => {
    const id = record(bytes(1));
    outbox.resend(null);
    outbox.discard(id);
    sent = [];
    outbox.type("two");
    expect(sent).toHaveLength(1);
    vi.advanceTimersByTime(5_000);
    expect(sent).toHaveLength(1);
  });

  it("a turn without transcript is sent again with its audio", () => {
    outbox.finish(record(bytes(1)));
    outbox.started("u-1", "t-1");
    sent = [];
    outbox.resend(null);
    outbox.acknowledged("u-1", -1);
    expect(audioOf(sent)).toEqual([1]);
  });

  it("a turn with transcript is never sent again with its audio", () => {
    outbox.finish(record(bytes(1)));
    outbox.started("u-1", "t-1");
    outbox.recognized("t-1", "add milk");
    sent = [];
    outbox.resend("u-1");
    expect(sent).toEqual([]);
    outbox.resend(null);
    expect(sent).toEqual([{ type: "text_input", text: "add milk", utterance_id: "u-1" }]);
    outbox.answered("t-1");
    outbox.resend(null);
    expect(sent).toHaveLength(1);
  });

  it("an utterance finished meanwhile is sent whole", () => {
    online = false;
    outbox.finish(record(bytes(1), bytes(2)));
    online = true;
    outbox.resend(null);
    outbox.acknowledged("u-1", -1);
    expect(sent.map((message) => message.type)).toEqual(["start_recording", "audio_chunk", "stop_recording"]);
    expect(audioOf(sent)).toEqual([1, 2]);
  });

  it("a typed turn is sent again under the same id", () => {
    outbox.type("hello");
    outbox.resend(null);
    expect(sent).toEqual([
      { type: "text_input", text: "hello", utterance_id: "u-1" },
      { type: "text_input", text: "hello", utterance_id: "u-1" },
    ]);
  });

  it("the pending utterance and earlier ones are not sent again", () => {
    outbox.type("one");
    outbox.type("two");
    outbox.type("three");
    sent = [];
    outbox.resend("u-2");
    expect(sent).toEqual([{ type: "text_input", text: "three", utterance_id: "u-3" }]);
  });

  it("a turn begun but not answered is sent again if the server does not know it", () => {
    outbox.type("one");
    outbox.started("u-1", "t-1");
    sent = [];
    outbox.resend(null);
    expect(sent).toHaveLength(1);
  });

  it("an answered turn is not sent again", () => {
    outbox.type("one");
    outbox.started("u-1", "t-1");
    outbox.answered("t-1");
    sent = [];
    outbox.resend(null);
    expect(sent).toEqual([]);
  });

  it("a long recording is sent in few messages below the server's limit", () => {
    online = false;
    const id = outbox.begin("pcm16");
    for (let slice = 0; slice < 240; slice += 1) outbox.addSlice(id, new Uint8Array(8_000).fill(slice));
    online = true;
    outbox.resend(null);
    outbox.acknowledged(id, -1);
    const chunks = sent.flatMap((message) => (message.type === "audio_chunk" ? [message.data_b64.length] : []));
    expect(chunks.length).toBeLessThan(25);
    expect(Math.max(...chunks)).toBeLessThan(200_000);
    expect(audioOf(sent)).toHaveLength(240 * 8_000);
  });
});

describe("after a reload", () => {
  it("complete utterances are sent again, and a recording that was cut off is not", () => {
    outbox.finish(record(bytes(1, 2), bytes(3)));
    outbox.type("two");
    outbox.started("u-2", "t-2");
    outbox.finish(record(new Uint8Array(200_000).fill(7)));
    record(bytes(9));
    const stored = JSON.parse(JSON.stringify(outbox.stored)) as StoredUtterance[];
    const fresh = new Outbox((message) => {
      sent.push(message);
      return true;
    });
    fresh.restore(stored);
    sent = [];
    fresh.resend(null);
    fresh.acknowledged("u-1", -1);
    fresh.acknowledged("u-3", -1);
    expect(sent.map((message) => message.type)).toEqual([
      "start_recording",
      "audio_chunk",
      "stop_recording",
      "text_input",
      "start_recording",
      "audio_chunk",
      "audio_chunk",
      "audio_chunk",
      "stop_recording",
    ]);
    expect(audioOf(sent)).toEqual([1, 2, 3, ...new Array<number>(200_000).fill(7)]);
    fresh.answered("t-2");
    expect(fresh.stored.map(({ id }) => id)).toEqual(["u-1", "u-3"]);
  });
});

describe("a refused or dropped utterance", () => {
  it("is the last one finished, never the one being recorded", () => {
    outbox.type("one");
    const recording = record(bytes(1));
    expect(outbox.refused()).toBe("u-1");
    sent = [];
    outbox.resend(null);
    expect(sent[0]).toMatchObject({ utterance_id: recording });
  });

  it("is none if all are being processed", () => {
    outbox.type("one");
    outbox.started("u-1", "t-1");
    expect(outbox.refused()).toBeNull();
  });

  it("sends no more slices", () => {
    const id = record(bytes(1));
    outbox.discard(id);
    sent = [];
    outbox.addSlice(id, bytes(2));
    outbox.finish(id);
    expect(sent).toEqual([]);
  });
});
