import { expect, it } from "vitest";
import { waitWords } from "../src/voice/words";
import type { Transfer } from "../src/voice/state";

const WAITING: Transfer = { stage: "queued", department: "support", agentName: "", position: 2, waitS: 130 };

it("tells a waiting caller their place and the expected wait", () => {
  expect(waitWords(WAITING)).toBe("You are number 2 in line for support, about 2 minutes.");
});

it("promises no time while nobody is at work", () => {
  expect(waitWords({ ...WAITING, waitS: null })).toBe("Nobody in support is free right now. Still trying…");
});
