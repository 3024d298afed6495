/** A page of past turns, newest first, with notes and errors. */

import { element, setText } from "../../common/dom";
import type { TurnRow } from "../../protocol.generated";
import { isPlain } from "../address";
import { isEmpty, type Filters } from "../filters";
import { KeyedRows } from "../keyed-rows";
import { listError, listNote, recordStore } from "../notices";
import { exportAddress } from "../server";
import type { Action, State } from "../state";
import { counted } from "../words";
import { turnRow } from "./turn-row";

export function mountTurnList(dispatch: (action: Action) => void): (state: State) => void {
  const list = element("turns", HTMLElement);
  const table = element("turns-table", HTMLElement);
  const rows = new KeyedRows<TurnRow>(list, ({ request_id }) => request_id, turnRow);
  const views = [mountNotes(dispatch), mountPaging(dispatch), mountExports()];
  list.addEventListener("click", (event) => {
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-turn]") : null;
    if (!row?.dataset["turn"] || !isPlain(event)) return;
    // the link's URL has only the turn; this keeps the filters
    event.preventDefault();
    dispatch({ type: "open", requestId: row.dataset["turn"] });
  });
  let drawn: State | null = null;
  return (state) => {
    const { section, turns, live } = state;
    if (section !== "turns" || (turns === drawn?.turns && live.now === drawn.live.now)) return;
    if (turns !== drawn?.turns) {
      rows.show(turns.page?.turns ?? []);
      table.hidden = !turns.page?.turns.length;
      table.ariaBusy = String(turns.loading);
      table.toggleAttribute("data-old", turns.error !== "");
    }
    drawn = state;
    for (const view of views) view(state);
  };
}

function mountNotes(dispatch: (action: Action) => void): (state: State) => void {
  const note = element("list-note", HTMLElement);
  const error = element("list-error", HTMLElement);
  const retry = element("retry", HTMLButtonElement);
  const unseen = element("unseen", HTMLButtonElement);
  const goToNewest = () => {
    dispatch({ type: "newest" });
  };
  retry.addEventListener("click", goToNewest);
  unseen.addEventListener("click", goToNewest);
  return (state) => {
    const { turns } = state;
    setText(note, noteOf(state));
    setText(error, listError(state));
    error.hidden = retry.hidden = turns.error === "";
    unseen.hidden = turns.unseen === 0;
    setText(unseen, counted(turns.unseen, "new turn"));
  };
}

function noteOf(state: State): string {
  const { page, error, filters } = state.turns;
  // the rows belong to an earlier request then
  if (error) return "";
  if (page === null) return "Loading the turns…";
  return listNote(recordStore(state), page.turns.length, !isEmpty(filters));
}

function mountPaging(dispatch: (action: Action) => void): (state: State) => void {
  const newest = element("newest", HTMLButtonElement);
  const older = element("older", HTMLButtonElement);
  const table = element("turns-table", HTMLElement);
  const go = (type: "newest" | "older") => () => {
    dispatch({ type });
    table.scrollIntoView({ block: "start" });
  };
  newest.addEventListener("click", go("newest"));
  older.addEventListener("click", go("older"));
  const paging = element("paging", HTMLElement);
  return ({ turns: { cursor, page, loading } }) => {
    paging.hidden = cursor === null && !page?.next;
    newest.disabled = loading || cursor === null;
    older.disabled = loading || !page?.next;
  };
}

function mountExports(): (state: State) => void {
  const links = (["csv", "json"] as const).map((kind) => ({
    kind,
    link: element(`export-${kind}`, HTMLAnchorElement),
  }));
  let drawn: Filters | null = null;
  return ({ turns: { filters } }) => {
    if (filters === drawn) return;
    drawn = filters;
    for (const { kind, link } of links) link.href = exportAddress(kind, filters);
  };
}
