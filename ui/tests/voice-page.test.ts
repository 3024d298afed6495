// @vitest-environment happy-dom

import { beforeEach, expect, it } from "vitest";
import type { AnyServerMessage } from "../src/protocol.generated";
import type { Call } from "../src/voice/call";
import html from "../src/voice/index.html?raw";
import { reduce } from "../src/voice/reducer";
import { INITIAL, type State } from "../src/voice/state";
import { mountConversation } from "../src/voice/views/conversation";
import { mountFrame } from "../src/voice/views/frame";
import { mountHuman } from "../src/voice/views/human";
import { answer, authOk, status, transcript } from "./fakes";
import { open, textOf } from "./page";

const MARKUP = '<img src="x" onerror="alert(1)">';
const BASE = { session_id: "s-1" } as const;

beforeEach(() => {
  open(html);
});

it("shows names, reasons and all that is said as text", () => {
  const call = {} as unknown as Call;
  const views = [mountFrame(call), mountConversation(), mountHuman(call)];
  const messages: AnyServerMessage[] = [
    authOk({ user_name: MARKUP }),
    { ...BASE, type: "greeting", seq: 1, text: `Hi ${MARKUP}` },
    transcript("t-1", MARKUP, 2),
    answer("t-1", MARKUP, 3),
    { ...BASE, type: "transfer_initiated", seq: 4, department: MARKUP, extension: "2001", reason: MARKUP },
    {
      ...BASE,
      type: "transfer_status",
      seq: 5,
      state: "connected",
      department: MARKUP,
      extension: "2001",
      agent_name: MARKUP,
    },
    status(MARKUP, 6),
  ];
  let state: State = INITIAL;
  for (const message of messages) {
    state = reduce(state, { type: "server", message, now: 0 });
    for (const view of views) view(state);
  }
  expect(textOf("log").split(MARKUP).length - 1).toBeGreaterThanOrEqual(5);
  expect(textOf("human-words")).toContain(MARKUP);
  const over: State = reduce(state, { type: "ended", because: MARKUP });
  for (const view of views) view(over);
  expect(textOf("ended-why")).toBe(MARKUP);
  expect(document.querySelectorAll("img")).toHaveLength(0);
});
