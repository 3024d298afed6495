/** The table of live calls. With two hundred calls that change a few times a second, only changes are written. */

import { element, setText } from "../../common/dom";
import type { LiveCall } from "../../protocol.generated";
import { KeyedRows } from "../keyed-rows";
import { hasHeardOfCalls, listedCalls, type CallFilter, type LiveState } from "../live-state";
import type { State } from "../state";
import { counted } from "../words";
import { callRow, type CallRow } from "./call-row";
import { mountSelection } from "./selection";

interface CallListActions {
  watch: (sessionId: string) => void;
  filter: (change: Partial<CallFilter>) => void;
}

export function mountCalls(actions: CallListActions): (state: State) => void {
  const list = element("calls", HTMLElement);
  const rows = new KeyedRows<LiveCall, CallRow>(list, ({ session_id }) => session_id, callRow);
  const drawAround = mountAround();
  const drawWatched = mountWatched(rows);
  const keepStop = mountSelection(list, actions.watch);
  mountSearch(actions);
  let drawn: LiveState | null = null;
  let listed = 0;
  const tick = () => {
    if (drawn === null || !list.checkVisibility()) return;
    const now = Date.now() / 1_000 + drawn.ahead;
    for (const row of rows.all()) row.tick(now);
  };
  setInterval(tick, 1_000);
  return ({ section, live }) => {
    if (section !== "now" || live === drawn) return;
    const isSame = live.calls === drawn?.calls && live.callFilter === drawn.callFilter;
    const isFirst = drawn === null || drawn.calls.size === 0 || live.callFilter !== drawn.callFilter;
    drawn = live;
    if (!isSame) {
      const calls = listedCalls(live);
      rows.show(calls);
      listed = calls.length;
      keepStop();
      if (isFirst) tick();
    }
    drawAround(live, listed);
    drawWatched(live);
  };
}

function mountAround(): (live: LiveState, listed: number) => void {
  const none = element("no-calls", HTMLElement);
  const shown = element("calls-shown", HTMLElement);
  return (live, listed) => {
    const all = live.calls.size;
    none.hidden = listed > 0;
    setText(none, emptyWords(live));
    setText(shown, listed === all ? "" : `${listed} of ${counted(all, "call")}`);
  };
}

function emptyWords({ now, calls }: LiveState): string {
  if (now === null) return "Connecting…";
  if (!hasHeardOfCalls(now)) return "The calls are not known yet.";
  return calls.size > 0 ? "No call matches." : "Nobody is calling.";
}

function mountWatched(rows: KeyedRows<LiveCall, CallRow>): (live: LiveState) => void {
  let marked: HTMLElement | null = null;
  return ({ watched }) => {
    const root = watched ? (rows.get(watched.sessionId)?.root ?? null) : null;
    if (root === marked) return;
    const buttonOf = (row: HTMLElement | null) => row?.querySelector("button") ?? null;
    marked?.removeAttribute("data-watched");
    buttonOf(marked)?.removeAttribute("aria-current");
    root?.setAttribute("data-watched", "");
    buttonOf(root)?.setAttribute("aria-current", "true");
    marked = root;
  };
}

function mountSearch({ filter }: CallListActions): void {
  const search = element("caller", HTMLInputElement);
  search.addEventListener("input", () => {
    filter({ text: search.value });
  });
}
