/** A table of counts by name, with a bar in each row. */

import { make, setText } from "../../common/dom";
import { KeyedRows, type Row } from "../keyed-rows";
import { nameOf, number, share } from "../words";

interface Part {
  name: string;
  count: number;
  all: number;
}

/** The test id of the table is `by-<kind>`. */
export function mountBreakdown(
  place: HTMLElement,
  title: string,
  kind: string,
): (counts: Record<string, number>) => void {
  const body = make("tbody");
  const none = make("p", { class: "empty" }, "None yet.");
  const table = make("table", { class: "bars" }, make("caption", { class: "visually-hidden" }, title), body);
  place.append(make("section", { class: "panel", "data-testid": `by-${kind}` }, make("h3", {}, title), none, table));
  const rows = new KeyedRows<Part>(body, ({ name }) => name, partRow);
  return (counts) => {
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const parts = Object.entries(counts).map(([name, count]) => ({ name, count, all }));
    rows.show(parts.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)));
    none.hidden = parts.length > 0;
    table.hidden = !none.hidden;
  };
}

function partRow({ name }: Part): Row<Part> {
  const count = make("td", { class: "right figures" });
  const part = make("td", { class: "right figures soft" });
  const bar = make("span", { class: "bar-of", "aria-hidden": "true" });
  return {
    root: make("tr", { "data-name": name }, make("th", { scope: "row" }, nameOf(name), bar), count, part),
    draw: (next) => {
      setText(count, number(next.count));
      setText(part, share(next.count, next.all));
      bar.style.setProperty("--share", String(next.all === 0 ? 0 : next.count / next.all));
    },
  };
}
