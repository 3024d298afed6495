/** The waterfall of a turn: one row per span, placed by grid and style properties, and the same data as a table. */

import { make } from "../../common/dom";
import { placed, ticksOf, type Span, type Waterfall } from "../waterfall";
import { milliseconds } from "../words";
import { cellsRow } from "./cells";

const KINDS: Record<Span["kind"], string> = {
  capture: "while the caller spoke",
  stage: "part of the wait",
  beside: "at the same time or after",
  tool: "tool",
  failed: "tool, failed",
  talk: "talk",
};

export function waterfallView(waterfall: Waterfall): HTMLElement {
  const { spans, waited, waitedFor } = waterfall;
  const title = make(
    "figcaption",
    {},
    make("h3", {}, "Time"),
    make(
      "p",
      { "data-testid": "waited", "data-ms": String(waited) },
      `The caller waited ${milliseconds(waited)}, ${waitedFor}.`,
    ),
  );
  if (spans.length === 0) return make("figure", { class: "waterfall" }, title);
  const plot = make(
    "div",
    { class: "plot", "aria-hidden": "true" },
    axis(waterfall),
    ...spans.map((span) => row(span, waterfall)),
  );
  return make("figure", { class: "waterfall", "data-testid": "waterfall" }, title, plot, table(spans));
}

function row(span: Span, waterfall: Waterfall): HTMLElement {
  const { name, kind, from, to } = span;
  const [start, width] = placed(span, waterfall);
  const bar = make("span", { class: "bar-of-span", "data-kind": kind });
  place(bar, start, width);
  if (from < waterfall.from) bar.toggleAttribute("data-cut", true);
  return make(
    "div",
    { class: "span", "data-span": name, "data-kind": kind, "data-from": String(from), "data-to": String(to) },
    make("span", { class: "span-name" }, kind === "failed" ? `✕ ${name}` : name),
    make("span", { class: "track" }, bar),
    make("span", { class: "right figures" }, milliseconds(to - from)),
  );
}

function axis(waterfall: Waterfall): HTMLElement {
  const ticks = ticksOf(waterfall).map((at) => {
    const tick = make("span", { class: "tick" }, milliseconds(at));
    place(tick, placed({ from: at, to: at }, waterfall)[0], 0);
    return tick;
  });
  return make("div", { class: "span axis" }, make("span"), make("span", { class: "track" }, ...ticks), make("span"));
}

function place(target: HTMLElement, start: number, width: number): void {
  target.style.setProperty("--start", `${(100 * start).toFixed(3)}%`);
  target.style.setProperty("--width", `${(100 * width).toFixed(3)}%`);
}

function table(spans: readonly Span[]): HTMLElement {
  const heads = ["What", "From", "To", "Took", "Kind"];
  const rows = spans.map((span) => {
    const { root, draw } = cellsRow<Span>(5, ({ name, from, to, kind }) => [
      name,
      milliseconds(from),
      milliseconds(to),
      milliseconds(to - from),
      KINDS[kind],
    ]);
    draw(span);
    return root;
  });
  const head = make(
    "tr",
    {},
    ...heads.map((name, index) => make("th", { scope: "col", class: index ? "right" : "" }, name)),
  );
  return make(
    "details",
    {},
    make("summary", {}, "As a table"),
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": "Times as a table" },
      make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
    ),
  );
}
