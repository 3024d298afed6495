/** Rows of plain tables: a row header and numbers. */

import { make, setText } from "../../common/dom";
import type { Row } from "../keyed-rows";

/** The first cell is the row header, the others are numbers; `null` omits a cell. */
export function cellsRow<Item>(count: number, write: (item: Item) => (string | null)[]): Row<Item> {
  const head = make("th", { scope: "row" });
  const cells = Array.from({ length: count - 1 }, () => make("td", { class: "right figures" }));
  return {
    root: make("tr", {}, head, ...cells),
    draw: (item) => {
      write(item).forEach((text, index) => {
        const cell = [head, ...cells][index];
        if (cell === undefined) return;
        setText(cell, text ?? "");
        cell.hidden = text === null;
      });
    },
  };
}
