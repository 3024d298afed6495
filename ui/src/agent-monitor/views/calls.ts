/** The table of live calls. Two hundred of them change a few times a second, so a row writes only what is new. */

import { element, make, setText } from "../../common/dom";
import type { LiveCall } from "../../protocol.generated";
import { KeyedRows, type Row } from "../keyed-rows";
import { listedCalls, type CallFilter, type LiveState } from "../live-state";
import type { State } from "../state";
import { clock, counted, nameOf } from "../words";
import { setBadge } from "./badges";
import { mountSelection } from "./selection";

interface Deeds {
  watch: (sessionId: string) => void;
  filter: (change: Partial<CallFilter>) => void;
}

/** States whose length is of interest. */
const TIMED: LiveCall["state"][] = ["waiting", "with_human", "away"];

export function mountCalls(deeds: Deeds): (state: State) => void {
  const list = element("calls", HTMLElement);
  const none = element("no-calls", HTMLElement);
  const shown = element("calls-shown", HTMLElement);
  const clocks = new Map<string, (now: number) => void>();
  const rows = new KeyedRows<LiveCall>(
    list,
    ({ session_id }) => session_id,
    (call) => callRow(call, clocks),
  );
  const drawWatched = mountWatched(rows);
  const keepStop = mountSelection(list, deeds.watch);
  const search = element("caller", HTMLInputElement);
  search.addEventListener("input", () => {
    deeds.filter({ text: search.value });
  });
  let drawn: LiveState | null = null;
  const tick = mountClocks(clocks, () => (list.checkVisibility() ? drawn : null));
  return ({ section, live }) => {
    if (section !== "now" || live === drawn) return;
    const isSame = live.calls === drawn?.calls && live.callFilter === drawn.callFilter;
    drawn = live;
    if (!isSame) {
      const calls = listedCalls(live);
      rows.show(calls);
      keepStop();
      forgetClocks(clocks, live);
      none.hidden = calls.length > 0;
      setText(none, emptyWords(live));
      setText(shown, calls.length === live.calls.size ? "" : `${calls.length} of ${counted(live.calls.size, "call")}`);
      tick();
    }
    drawWatched(live);
  };
}

function emptyWords({ connected, calls }: LiveState): string {
  if (connected === null) return "Connecting…";
  return calls.size > 0 ? "No call is like that." : "Nobody is calling.";
}

function callRow({ session_id, began_at }: LiveCall, clocks: Map<string, (now: number) => void>): Row<LiveCall> {
  const name = make("button", { type: "button", class: "name", tabindex: "-1" });
  const domain = make("span", { class: "badge" });
  const state = make("span", { class: "badge" });
  const since = make("span", { class: "soft since" });
  const time = make("span", { class: "right figures", role: "cell" });
  const words = make("span", { class: "words", role: "cell" });
  const root = make(
    "div",
    { role: "row", class: "row", "data-session": session_id },
    make("span", { role: "cell", class: "who" }, name),
    make("span", { role: "cell", class: "domain" }, domain),
    make("span", { role: "cell", class: "state" }, state, since),
    time,
    words,
  );
  let call: LiveCall | null = null;
  const tell = (now: number) => {
    setText(time, clock(now - began_at));
    if (call && TIMED.includes(call.state)) setText(since, sinceWords(call, now));
    else setText(since, "");
  };
  clocks.set(session_id, tell);
  return {
    root,
    draw: (next) => {
      call = next;
      setText(name, next.user_name || "Somebody");
      setBadge(domain, "domain", next.agent_type);
      setBadge(state, "state", next.state);
      const who = next.last_who && next.last_who !== "caller" ? `${nameOf(next.last_who)}: ` : "";
      setText(words, next.last_words ? who + next.last_words : "");
    },
  };
}

function sinceWords({ department, state_since }: LiveCall, now: number): string {
  const time = clock(now - state_since);
  return department ? `${nameOf(department)} · ${time}` : time;
}

function mountClocks(clocks: Map<string, (now: number) => void>, shown: () => LiveState | null): () => void {
  const tick = () => {
    const live = shown();
    if (live === null) return;
    const now = Date.now() / 1_000 + live.ahead;
    for (const tell of clocks.values()) tell(now);
  };
  setInterval(tick, 1_000);
  return tick;
}

function forgetClocks(clocks: Map<string, unknown>, { calls }: LiveState): void {
  for (const sessionId of clocks.keys()) if (!calls.has(sessionId)) clocks.delete(sessionId);
}

function mountWatched(rows: KeyedRows<LiveCall>): (live: LiveState) => void {
  let marked: HTMLElement | null = null;
  return ({ watched }) => {
    const root = watched ? rows.rootOf(watched.sessionId) : null;
    if (root === marked) return;
    const buttonOf = (row: HTMLElement | null) => row?.querySelector("button") ?? null;
    marked?.removeAttribute("data-watched");
    buttonOf(marked)?.removeAttribute("aria-current");
    root?.setAttribute("data-watched", "");
    buttonOf(root)?.setAttribute("aria-current", "true");
    marked = root;
  };
}
