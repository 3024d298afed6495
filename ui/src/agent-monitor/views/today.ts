/** Today's turns in numbers. Drawn only while visible, and at most every two seconds. */

import { element, make, setText } from "../../common/dom";
import type { Today, Tokens, ToolToday } from "../../protocol.generated";
import { mountHours, mountStages } from "../charts/of-today";
import { atMostEvery } from "../frames";
import { KeyedRows } from "../keyed-rows";
import type { State } from "../state";
import { dayName, milliseconds, money, nameOf, number, share } from "../words";
import { mountBreakdown } from "./breakdown";
import { cellsRow } from "./cells";

const REDRAW_MS = 2_000;

type Number = [name: string, value: string];

export function mountToday(): (state: State) => void {
  let views: ((today: Today) => void)[] | null = null;
  const draw = atMostEvery<Today>(REDRAW_MS, (today) => {
    // a chart takes its size from its container, which has one only when it is visible
    views ??= [mountHead(), mountHours(), mountStages(), ...mountBreakdowns(), mountTools(), mountTokens()];
    for (const view of views) view(today);
  });
  let drawn: Today | null = null;
  return ({ section, live: { today } }) => {
    if (section !== "today" || today === drawn || today === null) return;
    drawn = today;
    draw(today);
  };
}

function mountHead(): (today: Today) => void {
  const when = element("today-when", HTMLElement);
  const rows = new KeyedRows<Number>(
    element("today-numbers", HTMLElement),
    ([name]) => name,
    ([name]) => {
      const big = make("p", { class: "big" });
      return {
        root: make("div", { class: "panel number" }, make("h3", {}, name), big),
        draw: ([, value]) => {
          setText(big, value);
        },
      };
    },
  );
  return (today) => {
    setText(when, `${dayName(today.date)}, since midnight in ${today.timezone.replaceAll("_", " ")}`);
    const failed = (today.by_status["failed"] ?? 0) + (today.by_status["timeout"] ?? 0);
    const audio = today.latency.find(({ stage }) => stage === "first_audio_ms");
    const costs = today.tokens.flatMap(({ cost }) => (cost == null ? [] : [cost]));
    rows.show([
      ["Turns", number(today.turns)],
      ["Not answered", `${number(failed)} (${share(failed, today.turns)})`],
      ["Hand-overs", number(sum(Object.values(today.hand_overs)))],
      ...(audio ? [["First audio, median", milliseconds(audio.p50_ms)] satisfies Number] : []),
      ...(costs.length > 0 ? [["Cost", money(sum(costs), today.currency)] satisfies Number] : []),
    ]);
  };
}

function mountBreakdowns(): ((today: Today) => void)[] {
  const place = element("breakdowns", HTMLElement);
  const status = mountBreakdown(place, "By status", "status");
  const domain = mountBreakdown(place, "By domain", "domain");
  const provider = mountBreakdown(place, "By provider", "provider");
  const handOvers = mountBreakdown(place, "Hand-overs", "hand-over");
  return [
    ({ by_status }) => {
      status(by_status);
    },
    ({ by_agent_type }) => {
      domain(by_agent_type);
    },
    ({ by_provider }) => {
      provider(by_provider);
    },
    ({ hand_overs }) => {
      handOvers(hand_overs);
    },
  ];
}

function mountTools(): (today: Today) => void {
  const rows = new KeyedRows<ToolToday>(
    element("tools-table", HTMLElement),
    ({ tool }) => tool,
    () => {
      const row = cellsRow<ToolToday>(4, ({ tool, calls, failed, p95_ms }) => [
        tool,
        number(calls),
        number(failed),
        p95_ms === null ? "–" : milliseconds(p95_ms),
      ]);
      return {
        root: row.root,
        draw: (tool) => {
          row.draw(tool);
          row.root.toggleAttribute("data-failed", tool.failed > 0);
        },
      };
    },
  );
  const show = orElse("tools-of-today", "no-tools");
  return ({ tools }) => {
    show(tools.length > 0);
    rows.show([...tools].sort((a, b) => b.calls - a.calls || (a.tool < b.tool ? -1 : 1)));
  };
}

/** A cost is shown only if a price is configured. */
function mountTokens(): (today: Today) => void {
  const head = element("cost-head", HTMLElement);
  let currency = "";
  let isPriced = false;
  const cost = (tokens: Tokens) => (tokens.cost == null ? "–" : money(tokens.cost, currency));
  const rows = new KeyedRows<Tokens>(
    element("tokens-table", HTMLElement),
    ({ provider, model }) => `${provider} ${model}`,
    () =>
      cellsRow(4, (tokens) => [
        `${nameOf(tokens.provider)} · ${tokens.model}`,
        number(tokens.tokens_in),
        number(tokens.tokens_out),
        isPriced ? cost(tokens) : null,
      ]),
  );
  const show = orElse("tokens-of-today", "no-tokens");
  return (today) => {
    currency = today.currency;
    isPriced = today.tokens.some((tokens) => tokens.cost != null);
    head.hidden = !isPriced;
    show(today.tokens.length > 0);
    rows.show(today.tokens);
  };
}

function orElse(some: string, none: string): (isSome: boolean) => void {
  return (isSome) => {
    element(some, HTMLElement).hidden = !isSome;
    element(none, HTMLElement).hidden = isSome;
  };
}

function sum(values: number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
