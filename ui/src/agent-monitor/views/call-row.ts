/** A row of the live calls. Visible rows are updated at once, the others once a second with the clocks. */

import { make, setText } from "../../common/dom";
import type { LiveCall } from "../../protocol.generated";
import type { Row } from "../keyed-rows";
import { clock, nameOf } from "../words";
import { setBadge } from "./badges";

/** More does not fit in two lines. */
const MAX_WORDS = 160;

/** States that are shown with their duration. */
const TIMED: LiveCall["state"][] = ["waiting", "with_human", "away"];

export interface CallRow extends Row<LiveCall> {
  /** `now` is the server's time in Unix seconds. */
  tick: (now: number) => void;
}

export function callRow(call: LiveCall): CallRow {
  const cells = makeCells(call);
  const { root } = cells;
  let latest = call;
  let isAway = false;
  let isStale = false;
  const write = () => {
    isStale = false;
    writeCall(cells, latest);
  };
  root.addEventListener("contentvisibilityautostatechange", (event) => {
    isAway = (event as ContentVisibilityAutoStateChangeEvent).skipped;
    if (!isAway && isStale) write();
  });
  return {
    root,
    draw: (next) => {
      latest = next;
      isStale = true;
      if (!isAway) write();
    },
    tick: (now) => {
      if (isStale) write();
      setText(cells.time, clock(now - latest.began_at));
      setText(cells.since, TIMED.includes(latest.state) ? sinceWords(latest, now) : "");
    },
  };
}

type Cells = ReturnType<typeof makeCells>;

function makeCells({ session_id }: LiveCall) {
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
  return { root, name, domain, state, since, time, words };
}

function writeCall({ name, domain, state, words }: Cells, call: LiveCall): void {
  setText(name, call.user_name || "Somebody");
  setBadge(domain, "domain", call.agent_type);
  setBadge(state, "state", call.state);
  const last = call.last_words.slice(0, MAX_WORDS);
  const who = call.last_who && call.last_who !== "caller" ? `${nameOf(call.last_who)}: ` : "";
  setText(words, last ? who + last : "");
}

function sinceWords({ department, state_since }: LiveCall, now: number): string {
  const time = clock(now - state_since);
  return department ? `${nameOf(department)} · ${time}` : time;
}
