/** The replicas of each component with their gauges, and the stores. */

import { element, make, setText } from "../../common/dom";
import type { Now, PartView, StoreView } from "../../protocol.generated";
import { KeyedRows, type Row } from "../keyed-rows";
import { isSilent, shortName } from "../notices";
import type { State } from "../state";
import { counted, gauge, inWords, moment, nameOf, number, componentName, timeOfDay } from "../words";

type Gauge = [name: string, value: number];

export function mountComponents(): (state: State) => void {
  const parts = new KeyedRows<PartView>(element("parts", HTMLElement), keyOf, partRow);
  const stores = new KeyedRows<StoreView>(element("stores", HTMLUListElement), ({ name }) => name, storeRow);
  let drawn: Now | null = null;
  return ({ section, live: { now } }) => {
    if (section !== "now" || now === drawn || now === null) return;
    drawn = now;
    parts.show(now.parts);
    stores.show(now.stores);
  };
}

function keyOf({ part, replica }: PartView): string {
  return `${part} ${replica}`;
}

function partRow({ part, replica, since }: PartView): Row<PartView> {
  const silent = make("span", { class: "badge", "data-status": "failed", hidden: true });
  const list = make("ul", { class: "figures-of-part" });
  const gauges = new KeyedRows<Gauge>(list, ([name]) => name, gaugeRow);
  const root = make(
    "div",
    { role: "row", class: "row", "data-part": part },
    make("span", { role: "cell", class: "name" }, componentName(part)),
    make("span", { role: "cell", class: "mono replica", title: replica }, shortName(replica)),
    make("span", { role: "cell", class: "figures up" }, moment(since)),
    make("span", { role: "cell", class: "of-part" }, silent, list),
  );
  return {
    root,
    draw: (view) => {
      silent.hidden = !isSilent(view);
      setText(silent, silent.hidden ? "" : `Silent for ${number(view.silent_for_s)} s`);
      root.toggleAttribute("data-silent", !silent.hidden);
      gauges.show(Object.entries(view.figures));
    },
  };
}

function gaugeRow([name]: Gauge): Row<Gauge> {
  const words = make("b");
  return {
    root: make("li", {}, words, ` ${gauge(name, 0).name}`),
    draw: ([, value]) => {
      setText(words, gauge(name, value).value);
    },
  };
}

function storeRow(): Row<StoreView> {
  const root = make("li");
  return {
    root,
    draw: (store) => {
      root.dataset["state"] = store.state;
      setText(root, storeWords(store));
    },
  };
}

function storeWords({ name, kind, state, since, progress, waiting }: StoreView): string {
  const wait = waiting > 0 ? `, ${counted(waiting, "record waits", "records wait")}` : "";
  const how = {
    ok: "works",
    away: `has been unreachable since ${timeOfDay(since)}`,
    reading: progress == null ? "is being read" : `is being read, ${number(progress * 100)} %`,
  }[state];
  return `${inWords(name)} (${nameOf(kind)}): ${how}${wait}`;
}
