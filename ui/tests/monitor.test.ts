import { describe, expect, it } from "vitest";
import { addressOf, placeOf } from "../src/agent-monitor/address";
import { fromQuery, isEmpty, matches, NO_FILTERS, toQuery, type Filters } from "../src/agent-monitor/filters";
import { listedCalls, type LiveState } from "../src/agent-monitor/live-state";
import { listError, listNote, noticesOf } from "../src/agent-monitor/notices";
import { INITIAL, reduce, type Action, type State } from "../src/agent-monitor/state";
import { MAX_ROWS } from "../src/agent-monitor/turns-state";
import { gauge, milliseconds } from "../src/agent-monitor/words";
import type {
  LiveCall,
  LiveLine,
  MonitorUpdate,
  Now,
  PartView,
  StoreView,
  Today,
  TurnRow,
} from "../src/protocol.generated";

const HOST: PartView = { part: "voice", replica: "host", since: 0, silent_for_s: 1, figures: {} };

const NOW: Now = {
  at: 1_000,
  calls: {},
  desks: {},
  hand_overs: {},
  parts: [HOST],
  queue: {},
  refusals_today: 0,
  stores: [],
  turns_in_flight: 0,
};

const TODAY: Today = {
  by_agent_type: {},
  by_provider: {},
  by_status: {},
  currency: "USD",
  date: "2026-11-27",
  hand_overs: {},
  hours: [],
  latency: [],
  timezone: "UTC",
  tokens: [],
  tools: [],
  turns: 0,
};

function call(session_id: string, change: Partial<LiveCall> = {}): LiveCall {
  return {
    session_id,
    user_name: "Ada Park",
    state: "ready",
    state_since: 900,
    began_at: 900,
    turns: 0,
    failed_turns: 0,
    last_words: "",
    host: "host",
    ...change,
  };
}

function turn(request_id: string, change: Partial<TurnRow> = {}): TurnRow {
  return {
    request_id,
    timestamp: 1_000,
    session_id: "s1",
    user_id: "u1",
    user_name: "Ada Park",
    provider: "anthropic",
    model: "model",
    agent_type: "hanok_table",
    source: "voice",
    status: "success",
    user_prompt: "A table for four",
    agent_response: "Of course",
    first_audio_ms: 600,
    duration_ms: 1_500,
    tool_calls: 1,
    failed_tools: 0,
    hand_over: false,
    ...change,
  };
}

const line = (number: number, text: string): LiveLine => ({
  number,
  text,
  at: 950,
  who: "caller",
  failed: false,
  open: true,
});

const snapshot = (calls: LiveCall[], now = NOW): Action => ({
  type: "received",
  at: now.at,
  message: { type: "monitor_snapshot", staff_name: "Robin", now, today: TODAY, calls },
});

const update = (change: Partial<MonitorUpdate>): Action => ({
  type: "received",
  at: 1_000,
  message: { type: "monitor_update", calls: [], ended: [], turns: [], ...change },
});

const lines = (session_id: string, all: boolean, ...of: LiveLine[]): Action => ({
  type: "received",
  at: 1_000,
  message: { type: "monitor_lines", session_id, all, lines: of },
});

const after = (...actions: Action[]): State => actions.reduce(reduce, INITIAL);
const words = ({ live }: State) => [...(live.watched?.lines?.values() ?? [])].map(({ text }) => text);

describe("live calls", () => {
  it("are those of the snapshot plus changes, without calls that are over", () => {
    const state = after(
      snapshot([call("s1"), call("s2")]),
      update({ calls: [call("s2", { state: "speaking" }), call("s3")] }),
      update({ ended: ["s1"] }),
    );
    expect([...state.live.calls.values()].map(({ session_id, state: of }) => [session_id, of])).toEqual([
      ["s2", "speaking"],
      ["s3", "ready"],
    ]);
  });

  it("of an earlier connection disappear with the next snapshot", () => {
    expect([...after(snapshot([call("s1")]), snapshot([call("s2")])).live.calls.keys()]).toEqual(["s2"]);
  });

  it("stay the same objects while unchanged, so that their rows are not redrawn", () => {
    const before = after(snapshot([call("s1"), call("s2")]));
    const later = reduce(before, update({ calls: [call("s2", { last_words: "Hello" })] }));
    expect(later.live.calls.get("s1")).toBe(before.live.calls.get("s1"));
    expect(reduce(before, update({ now: NOW })).live.calls).toBe(before.live.calls);
  });

  it("are listed newest first, and filtered by state and part of the caller's name", () => {
    const calls = [call("old", { began_at: 1 }), call("new", { began_at: 9 }), call("ben", { user_name: "Ben Osei" })];
    const listed = (change: Partial<LiveState["callFilter"]>) =>
      listedCalls(after(snapshot(calls), { type: "filter_calls", change }).live).map(({ session_id }) => session_id);
    expect(listed({})).toEqual(["ben", "new", "old"]);
    expect(listed({ text: "PARK" })).toEqual(["new", "old"]);
    expect(listed({ state: "away" })).toEqual([]);
  });

  it("are timed by the server's clock", () => {
    const state = after({ ...snapshot([]), at: 990 } as Action);
    expect(state.live.ahead).toBe(10);
  });
});

describe("the transcript of the call that is watched", () => {
  const watching = after(snapshot([call("s1"), call("s2")]), { type: "watch", sessionId: "s1" });

  it("grows in place and gets new entries", () => {
    const first = reduce(watching, lines("s1", true, line(1, "A ta"), line(2, "Of")));
    expect(words(reduce(first, lines("s1", false, line(2, "Of course"), line(3, "For"))))).toEqual([
      "A ta",
      "Of course",
      "For",
    ]);
  });

  it("is replaced by what the server sends after a new connection", () => {
    const first = reduce(watching, lines("s1", true, line(1, "old"), line(2, "old")));
    expect(words(reduce(first, lines("s1", true, line(1, "new"))))).toEqual(["new"]);
  });

  it("ignores entries of other calls, and all entries when no call is watched", () => {
    expect(words(reduce(watching, lines("s2", true, line(1, "Not mine"))))).toEqual([]);
    const closed = reduce(watching, { type: "watch", sessionId: null });
    expect(reduce(closed, lines("s1", false, line(1, "Late"))).live.watched).toBeNull();
  });

  it("stays when the call is over, and says so", () => {
    const said = reduce(watching, lines("s1", true, line(1, "Goodbye")));
    const over = reduce(said, update({ ended: ["s1"] }));
    expect(over.live.watched).toMatchObject({ ended: true, call: { user_name: "Ada Park" } });
    expect(words(over)).toEqual(["Goodbye"]);
    expect(reduce(said, snapshot([])).live.watched?.ended).toBe(true);
  });

  it("is not over just because a new monitor does not know it yet", () => {
    const said = reduce(watching, lines("s1", true, line(1, "Hello")));
    const anew = reduce(said, snapshot([], { ...NOW, parts: [] }));
    expect([anew.live.watched?.ended, words(anew)]).toEqual([false, ["Hello"]]);
    expect(reduce(anew, update({ now: NOW })).live.watched?.ended).toBe(true);
  });
});

describe("the list of turns", () => {
  const page = (state: State, turns: TurnRow[], next: string | null = null): State =>
    reduce(state, { type: "page", asked: state.turns.asked, page: { turns, next } });
  const first = page(after(snapshot([]), { type: "newest" }), [turn("t1")], "older");
  const ids = (state: State) => state.turns.page?.turns.map(({ request_id }) => request_id);

  it("gets turns that end on top, each once", () => {
    const state = reduce(first, update({ turns: [turn("t1"), turn("t2"), turn("t3")] }));
    expect(ids(state)).toEqual(["t3", "t2", "t1"]);
    expect(state.turns.unseen).toBe(0);
  });

  it("only announces them on an older page, until the newest is asked for", () => {
    const older = page(reduce(first, { type: "older" }), [turn("t0")]);
    const state = reduce(older, update({ turns: [turn("t2"), turn("t3")] }));
    expect([ids(state), state.turns.unseen]).toEqual([["t0"], 2]);
    expect(reduce(state, { type: "newest" }).turns).toMatchObject({ unseen: 0, cursor: null, loading: true });
  });

  it("announces only turns that match the filters", () => {
    const filtered = page(reduce(first, { type: "filter", filters: { ...NO_FILTERS, status: "failed" } }), []);
    const state = reduce(filtered, update({ turns: [turn("t2"), turn("t3", { status: "failed" })] }));
    expect([ids(state), state.turns.unseen]).toEqual([[], 1]);
  });

  it("does not grow without end, and leaves no gap", () => {
    const many = Array.from({ length: MAX_ROWS - 1 }, (_, index) => turn(`m${index}`));
    const full = reduce(first, update({ turns: many }));
    const more = reduce(full, update({ turns: [turn("x1")] }));
    const again = reduce(more, update({ turns: [turn("x2")] }));
    expect(ids(again)).toHaveLength(MAX_ROWS);
    expect(again.turns.unseen).toBe(2);
  });

  it("adds turns that ended while it was loading, unless the page has them", () => {
    const loading = reduce(first, { type: "newest" });
    const late = reduce(loading, update({ turns: [turn("t2"), turn("t3")] }));
    const state = page(late, [turn("t2"), turn("t1")]);
    expect([ids(state), state.turns.unseen]).toEqual([["t3", "t2", "t1"], 0]);
  });

  it("ignores answers to outdated requests", () => {
    const asked = reduce(first, { type: "filter", filters: { ...NO_FILTERS, text: "table" } });
    const late: Action = { type: "page", asked: first.turns.asked, page: { turns: [turn("late")], next: null } };
    expect(reduce(asked, late)).toBe(asked);
  });

  it("keeps its rows when the next page can't be loaded", () => {
    const asked = reduce(first, { type: "newest" });
    const failed = reduce(asked, { type: "page_failed", asked: asked.turns.asked, why: "Redis is away." });
    expect([ids(failed), failed.turns.error, failed.turns.loading]).toEqual([["t1"], "Redis is away.", false]);
  });
});

const FILTERS: Filters = {
  text: "table & chairs",
  provider: "anthropic",
  agent_type: "hanok_table",
  status: "failed",
  source: "voice",
  user: "Ada Park",
  session: "s:1",
  since: 1_764_000_000,
  until: 1_764_003_600.5,
  slow_ms: 800,
  hand_over: true,
  failed_tool: true,
};

describe("filters", () => {
  it("survive a round trip through a URL", () => {
    expect(fromQuery(new URLSearchParams(toQuery(FILTERS).toString()))).toEqual(FILTERS);
    expect(toQuery(NO_FILTERS).toString()).toBe("");
  });

  it.each(["since=foo", "since=", "slow_ms=-1", "until=NaN", "hand_over=maybe", "text=%20", "other=1"])(
    "%s is none",
    (query) => {
      expect(isEmpty(fromQuery(new URLSearchParams(query)))).toBe(true);
    },
  );

  it.each<[Partial<Filters>, Partial<TurnRow>]>([
    [{ text: "TABLE" }, { user_prompt: "no", agent_response: "no" }],
    [{ text: "four tab" }, { user_prompt: "a table for two" }],
    [{ provider: "anthropic" }, { provider: "openai" }],
    [{ agent_type: "hanok_table" }, { agent_type: "todo" }],
    [{ source: "voice" }, { source: "text" }],
    [{ user: "ada" }, { user_name: "Ben" }],
    [{ user: "u1" }, { user_id: "u2" }],
    [{ session: "s1" }, { session_id: "s11" }],
    [{ since: 1_000 }, { timestamp: 999 }],
    [{ until: 1_001 }, { timestamp: 1_001 }],
    [{ slow_ms: 599 }, { first_audio_ms: 599 }],
  ])("with %o a turn with %o is not listed", (filters, change) => {
    expect(matches(turn("t"), { ...NO_FILTERS, ...filters })).toBe(true);
    expect(matches(turn("t", change), { ...NO_FILTERS, ...filters })).toBe(false);
  });

  it.each<[Partial<Filters>, Partial<TurnRow>]>([
    [{ hand_over: true }, { hand_over: true }],
    [{ failed_tool: true }, { failed_tools: 1 }],
  ])("with %o only a turn with %o is listed", (filters, change) => {
    expect(matches(turn("t"), { ...NO_FILTERS, ...filters })).toBe(false);
    expect(matches(turn("t", change), { ...NO_FILTERS, ...filters })).toBe(true);
  });
});

describe("the address", () => {
  const at = (rest: string) => placeOf(new URL(`https://example.test/agent-monitor/${rest}`));

  it("contains section, filters and the open turn", () => {
    const place = { section: "turns", filters: FILTERS, open: "s:1/t&2" } as const;
    expect(at(addressOf(place))).toEqual(place);
  });

  it("without a section shows the turns if it has filters, otherwise the live section", () => {
    expect(at("?status=failed").section).toBe("turns");
    expect(at("").section).toBe("now");
    expect(at("#nonsense").section).toBe("now");
  });

  it("reloads the list only when its filters change", () => {
    const state = after({ type: "go", place: at("?status=failed#turns") });
    expect(state.turns.asked).toBe(1);
    expect(reduce(state, { type: "go", place: at("?status=failed&turn=t1#turns") }).turns).toMatchObject({
      asked: 1,
      open: "t1",
    });
  });
});

describe("a notice", () => {
  const store = (change: Partial<StoreView>): StoreView => ({
    name: "records",
    kind: "redis",
    state: "ok",
    since: 0,
    waiting: 0,
    ...change,
  });
  const away = store({ state: "away", waiting: 17 });
  const reading = store({ state: "reading", progress: 0.45 });
  const notices = (...actions: Action[]) => noticesOf(after(...actions));

  it("is absent while all is well, or while the page connects", () => {
    expect(notices()).toEqual([]);
    expect(notices({ type: "connected", on: true }, snapshot([], { ...NOW, stores: [store({})] }))).toEqual([]);
  });

  it("says that there is no connection yet", () => {
    expect(notices({ type: "connected", on: false })[0]?.words).toMatch(/can't be reached\. Trying again…$/);
  });

  it("says that the connection is lost, and how old the numbers are", () => {
    const [notice] = notices({ type: "connected", on: true }, snapshot([]), { type: "connected", on: false });
    expect(notice?.kind).toBe("reconnecting");
    expect(notice?.words).toMatch(/^Reconnecting… What you see is from .+\.$/);
  });

  it("names a store that is down, with the waiting records", () => {
    const [notice] = notices(snapshot([], { ...NOW, stores: [away] }));
    expect(notice?.kind).toBe("away");
    expect(notice?.words).toMatch(/^Redis \(turn records\) has been unreachable since \d\d:\d\d; 17 records wait$/);
  });

  it("says that a monitor has just started and knows no call yet", () => {
    const [notice] = notices(snapshot([], { ...NOW, parts: [] }));
    expect(notice?.words).toBe("No voice replica has reported yet");
  });

  it("names silent components, and counts many", () => {
    const silent = (replica: string, silent_for_s: number) =>
      ({ part: "agent", replica, since: 0, silent_for_s, figures: {} }) as const;
    const parts = ["a", "b", "c", "d", "e"].map((name) => silent(name, 14));
    const said = notices(snapshot([], { ...NOW, parts: [HOST, silent("well", 1), ...parts] })).map(
      ({ words: of }) => of,
    );
    expect(said[0]).toMatch(/^Agent router a has been silent since/);
    expect(said).toHaveLength(4);
    expect(said[3]).toBe("2 more components are silent");
  });

  it("says why a list can't be loaded, and that its rows are older", () => {
    const failed = (rows: TurnRow[], ...stores: StoreView[]) => {
      const asked = after(snapshot([], { ...NOW, stores }), { type: "newest" });
      const read = reduce(asked, { type: "page", asked: 1, page: { turns: rows, next: null } });
      return listError(reduce(reduce(read, { type: "newest" }), { type: "page_failed", asked: 2, why: "Sorry." }));
    };
    expect(failed([])).toBe("Sorry.");
    expect(failed([turn("t1")], store({ name: "database", kind: "postgresql", state: "away" }))).toBe(
      "The turns can't be read while PostgreSQL (data of the domains) can't be reached. Below is what was read before.",
    );
  });

  it("distinguishes an empty store, one that is down, and one that is still loading", () => {
    expect(listNote(store({}), 0, false)).toMatch(/^No turns yet/);
    expect(listNote(store({}), 0, true)).toMatch(/^No turn matches/);
    expect(listNote(away, 0, false)).toMatch(/^The turns can't be read: Redis/);
    expect(listNote(reading, 0, false)).toMatch(/^Loading the last week, 45 %/);
    expect(listNote(store({}), 3, false)).toBe("");
  });
});

describe("gauges", () => {
  it.each([
    ["loop_lag_ms", 1.26, "loop lag", "1 ms"],
    ["first_token_p95_s", 1.5, "first token p95", "1.5 s"],
    ["rss_bytes", 150 * 1_048_576, "rss", "150 MB"],
    ["sessions", 1_200, "sessions", "1,200"],
  ])("%s says its unit", (name, value, words, written) => {
    expect(gauge(name, value)).toEqual({ name: words, value: written });
  });

  it.each([
    [0, "0 ms"],
    [0.42, "0.42 ms"],
    [842.4, "842 ms"],
    [2_449, "2.4 s"],
    [185_000, "3:05 min"],
  ])("%d ms is %s", (ms, written) => {
    expect(milliseconds(ms)).toBe(written);
  });
});
