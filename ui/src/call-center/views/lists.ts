/** The queue, the call-backs, and this desk's past calls. */

import { element, make } from "../../common/dom";
import type { CallBack, PastCall } from "../../protocol.generated";
import type { State } from "../state";
import type { CallActions } from "./controls";

export function mountLists(actions: CallActions): (state: State) => void {
  const queue = element("queue", HTMLUListElement);
  const callBacks = element("call-backs", HTMLUListElement);
  const history = element("history", HTMLUListElement);
  let drawnBacks: readonly CallBack[] | null = null;
  let drawnCalls: readonly PastCall[] | null = null;
  return (state) => {
    const waiting = Object.entries(state.view?.queue ?? {});
    queue.replaceChildren(...waiting.map(([name, count]) => make("li", {}, `${name}: ${String(count)}`)));
    if (state.callBacks !== drawnBacks) {
      drawnBacks = state.callBacks;
      callBacks.replaceChildren(...orNobody(drawnBacks.map((one) => callBack(one, actions))));
    }
    if (state.history !== drawnCalls) {
      drawnCalls = state.history;
      history.replaceChildren(...orNobody(drawnCalls.map(pastCall)));
    }
  };
}

function callBack(one: CallBack, actions: CallActions): HTMLElement {
  const done = make("button", { type: "button", class: "quiet", "data-testid": "called-back" }, "Done");
  done.addEventListener("click", () => {
    done.disabled = true;
    actions.calledBack(one.id).catch(() => {
      actions.tell("A colleague has called back already.");
    });
  });
  const what = `${one.phone || "no number known"} · ${one.reason}`;
  return make(
    "li",
    { class: "row" },
    make("span", {}, make("b", {}, one.caller_name), make("br"), what, make("br"), time(one.asked_at)),
    done,
  );
}

function pastCall(call: PastCall): HTMLElement {
  const talked = call.connected_at
    ? `${String(Math.round((Date.parse(call.ended_at) - Date.parse(call.connected_at)) / 1_000))} s`
    : "not answered";
  const facts = `${time(call.ended_at)} · ${call.department} · ${talked}`;
  const notes = call.notes ? [make("br"), call.notes] : [];
  const summary = make("span", { class: "soft" }, call.summary);
  return make("li", {}, make("b", {}, call.caller_name), make("br"), facts, make("br"), summary, ...notes);
}

function orNobody(rows: HTMLElement[]): HTMLElement[] {
  return rows.length > 0 ? rows : [make("li", { class: "soft" }, "None")];
}

function time(moment: string): string {
  return new Date(moment).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
}
