import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { DirectPhone } from "../src/call-center/direct-phone";
import { INITIAL, type Action, type State } from "../src/call-center/state";
import { Telephones } from "../src/call-center/telephones";
import type { DeskView } from "../src/protocol.generated";

/** Whether the page has loaded the SIP telephone, and what it did with it. */
const sip = vi.hoisted(() => ({ isLoaded: false, started: [] as unknown[], hangUp: vi.fn() }));

vi.mock("../src/call-center/phone", () => {
  sip.isLoaded = true;
  return {
    Phone: class {
      hangUp = sip.hangUp;

      constructor(private readonly credentials: unknown) {}

      start(): void {
        sip.started.push(this.credentials);
      }
    },
  };
});

const CREDENTIALS = {
  extension: "2001",
  domain: "pbx.example",
  wss_url: "wss://pbx.example",
  ha1: "0",
  display_name: "",
};
const DIRECT = { ...INITIAL, view: { call: {} } as unknown as DeskView } satisfies State;

let actions: Action[];
let telephones: Telephones;
let answer: Response;
const hangUpDirect = vi.fn();
const direct = { hangUp: hangUpDirect } as Partial<DirectPhone> as DirectPhone;

beforeEach(() => {
  [actions, sip.started] = [[], []];
  const parts = { dispatch: (action: Action) => actions.push(action), play: vi.fn(), passedOn: vi.fn() };
  telephones = new Telephones(direct, parts);
  vi.stubGlobal("fetch", () => Promise.resolve(answer));
});
afterEach(() => {
  vi.clearAllMocks();
  vi.unstubAllGlobals();
});

it("an account without a telephone at the PBX loads no SIP, and its page is its telephone", async () => {
  answer = new Response(null, { status: 204 });
  await telephones.start("/call-center/api/phone");
  expect([sip.isLoaded, actions]).toEqual([false, [{ type: "registration", registration: "page" }]]);
  expect([telephones.of(DIRECT), telephones.of(INITIAL)]).toEqual([direct, null]);
});

it("an account with one has both, and a direct call is never the telephone's", async () => {
  answer = Response.json(CREDENTIALS);
  await telephones.start("/call-center/api/phone");
  expect([sip.isLoaded, sip.started]).toEqual([true, [CREDENTIALS]]);
  expect(telephones.of(DIRECT)).toBe(direct);
  expect(telephones.of(INITIAL)).not.toBe(direct);
});

it("a page that is left ends the telephone's call, and no direct talk", async () => {
  answer = Response.json(CREDENTIALS);
  await telephones.start("/call-center/api/phone");
  telephones.leave();
  expect(sip.hangUp).toHaveBeenCalledOnce();
  expect(hangUpDirect).not.toHaveBeenCalled();
});

it("an account without an extension is told so", async () => {
  answer = Response.json({ code: "no_telephone", message: "Your account has no telephone." }, { status: 409 });
  await expect(telephones.start("/call-center/api/phone")).rejects.toThrow("Your account has no telephone.");
});
