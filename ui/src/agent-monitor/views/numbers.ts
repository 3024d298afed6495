/** The current numbers. The states of calls are buttons that filter the list of calls. */

import { element, make, setText } from "../../common/dom";
import type { CallState, Now } from "../../protocol.generated";
import { KeyedRows } from "../keyed-rows";
import type { CallFilter } from "../live-state";
import type { State } from "../state";
import { counted, nameOf, number } from "../words";

const STATES: CallState[] = ["ready", "thinking", "speaking", "waiting", "with_human", "away"];

type Count = [name: string, count: number];

export function mountNumbers(onFilter: (change: Partial<CallFilter>) => void): (state: State) => void {
  const drawStates = mountStates(onFilter);
  const views = [mountCounts("queue"), mountCounts("hand-overs"), mountCounts("desks")];
  const [drawQueue, drawHandOvers, drawDesks] = views as [Draw, Draw, Draw];
  const total = element("calls-total", HTMLElement);
  const inFlight = element("turns-in-flight", HTMLElement);
  const refusals = element("refusals", HTMLElement);
  let drawn: Now | null = null;
  return ({ section, live: { now, callFilter } }) => {
    if (section !== "now" || now === null) return;
    drawStates(now, callFilter);
    if (now === drawn) return;
    drawn = now;
    setText(total, number(sum(now.calls)));
    setText(inFlight, number(now.turns_in_flight));
    setText(refusals, `${counted(now.refusals_today, "refusal")} today`);
    drawQueue(now.queue);
    drawHandOvers(now.hand_overs);
    drawDesks(now.desks);
  };
}

type Draw = (counts: Record<string, number>) => void;

function mountCounts(testId: string): Draw {
  const total = element(`${testId}-total`, HTMLElement);
  const rows = new KeyedRows<Count>(
    element(testId, HTMLUListElement),
    ([name]) => name,
    ([name]) => {
      const value = make("b");
      return {
        root: make("li", {}, value, ` ${nameOf(name)}`),
        draw: ([, count]) => {
          setText(value, number(count));
        },
      };
    },
  );
  return (counts) => {
    setText(total, number(sum(counts)));
    rows.show(Object.entries(counts).filter(([, count]) => count > 0));
  };
}

function mountStates(onFilter: (change: Partial<CallFilter>) => void) {
  const group = element("call-states", HTMLElement);
  const chips = STATES.map((state) => {
    const count = make("b");
    const button = make("button", { type: "button", class: "chip", "data-state": state }, count, ` ${nameOf(state)}`);
    button.addEventListener("click", () => {
      onFilter({ state: button.getAttribute("aria-pressed") === "true" ? null : state });
    });
    group.append(button);
    return { state, count, button };
  });
  return (now: Now, filter: CallFilter) => {
    for (const { state, count, button } of chips) {
      setText(count, number(now.calls[state] ?? 0));
      const pressed = String(filter.state === state);
      if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
    }
  };
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}
