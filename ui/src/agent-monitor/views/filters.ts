/** The filter form of the list of turns. It also shows filters that were set by a link or by going back. */

import { element, make } from "../../common/dom";
import type { Choices } from "../../protocol.generated";
import { isEmpty, NO_FILTERS, toNumber, toQuery, type Filters } from "../filters";
import type { State } from "../state";
import { nameOf } from "../words";

/** Long enough for the next letter, short enough to feel immediate. */
const TYPING_MS = 300;

const SELECTS = { provider: "providers", agent_type: "agent_types", status: "statuses", source: "sources" } as const;
type Selected = keyof typeof SELECTS;
const SELECTED = Object.keys(SELECTS) as Selected[];
const TYPED = ["text", "user", "session"] as const;

export function mountFilters(onFilter: (filters: Filters) => void): (state: State) => void {
  const form = element("filters", HTMLFormElement);
  const clear = element("clear", HTMLButtonElement);
  const more = element("more-filters", HTMLDetailsElement);
  let said = "";
  mountForm(form, (filters) => {
    said = toQuery(filters).toString();
    onFilter(filters);
  });
  let choices: Choices | null = null;
  let drawn: Filters | null = null;
  return ({ section, turns }) => {
    if (section !== "turns" || (turns.filters === drawn && turns.choices === choices)) return;
    const isElsewhere = toQuery(turns.filters).toString() !== said;
    if (turns.choices !== choices || drawn === null || isElsewhere) drawChoices(form, turns.choices, turns.filters);
    // text that is being typed stays as it is
    if (isElsewhere) fill(form, turns.filters);
    if (isElsewhere && hasMore(turns.filters)) more.open = true;
    said = toQuery(turns.filters).toString();
    ({ filters: drawn, choices } = turns);
    clear.hidden = isEmpty(turns.filters);
  };
}

function mountForm(form: HTMLFormElement, onFilter: (filters: Filters) => void): void {
  let typing: ReturnType<typeof setTimeout> | undefined;
  const say = () => {
    clearTimeout(typing);
    onFilter(read(form));
  };
  form.addEventListener("input", ({ target }) => {
    clearTimeout(typing);
    if (target instanceof HTMLInputElement && target.type !== "checkbox") typing = setTimeout(say, TYPING_MS);
    else say();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    say();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    fill(form, NO_FILTERS);
    onFilter(NO_FILTERS);
    element("text", HTMLInputElement).focus(); // the button disappears
  });
}

function read(form: HTMLFormElement): Filters {
  const data = new FormData(form);
  const word = (name: string) => {
    const value = data.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const [provider, agent_type, status, source] = SELECTED.map(word) as [string, string, string, string];
  const [text, user, session] = TYPED.map(word) as [string, string, string];
  const marks = { hand_over: data.has("hand_over"), failed_tool: data.has("failed_tool") };
  const times = {
    since: fromLocal(word("since")),
    until: fromLocal(word("until")),
    slow_ms: toNumber(word("slow_ms")),
  };
  return { text, provider, agent_type, status, source, user, session, ...times, ...marks };
}

function fill(form: HTMLFormElement, filters: Filters): void {
  const field = (name: keyof Filters) => form.elements.namedItem(name);
  const set = (name: keyof Filters, value: string) => {
    const input = field(name);
    if (input instanceof HTMLInputElement || input instanceof HTMLSelectElement) input.value = value;
  };
  for (const name of [...SELECTED, ...TYPED]) set(name, filters[name]);
  for (const name of ["since", "until"] as const) set(name, toLocal(filters[name]));
  set("slow_ms", filters.slow_ms === null ? "" : String(filters.slow_ms));
  for (const name of ["hand_over", "failed_tool"] as const) {
    const mark = field(name);
    if (mark instanceof HTMLInputElement) mark.checked = filters[name];
  }
}

function drawChoices(form: HTMLFormElement, choices: Choices | null, filters: Filters): void {
  for (const name of SELECTED) {
    const select = form.elements.namedItem(name);
    if (!(select instanceof HTMLSelectElement)) continue;
    // a link may name a value that no longer occurs
    const values = new Set([...(choices?.[SELECTS[name]] ?? []), filters[name]].filter((value) => value !== ""));
    const options = [...values].map((value) => make("option", { value }, nameOf(value)));
    select.replaceChildren(make("option", { value: "" }, "All"), ...options);
    select.value = filters[name];
  }
}

function hasMore(filters: Filters): boolean {
  return !isEmpty({ ...filters, text: "", agent_type: "", status: "" });
}

/** `YYYY-MM-DDTHH:MM` in the reader's time zone, as a date input needs it. */
export function toLocal(at: number | null): string {
  if (at === null) return "";
  const date = new Date(at * 1_000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocal(text: string): number | null {
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at / 1_000;
}
