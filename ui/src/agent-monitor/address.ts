/** The page's URL: the section is the fragment; filters and the open turn are the query. So the URL can be shared. */

import type { Store } from "../common/store";
import { fromQuery, NO_FILTERS, toQuery } from "./filters";
import type { Action, Place, Section, State } from "./state";

const SECTIONS: readonly Section[] = ["now", "today", "turns"];
const TURN = "turn";

export function addressOf({ section, filters, open }: Place): string {
  const query = toQuery(filters);
  if (open !== null) query.set(TURN, open);
  return `${query.size > 0 ? `?${query.toString()}` : "?"}#${section}`;
}

export function placeOf(url: URL): Place {
  const wanted = url.hash.slice(1);
  const open = url.searchParams.get(TURN);
  const section = SECTIONS.find((name) => name === wanted) ?? (url.searchParams.size > 0 ? "turns" : "now");
  return { section, filters: fromQuery(url.searchParams), open: open === "" ? null : open };
}

/** The address of one turn, and of a session's turns. */
export function turnAddress(requestId: string): string {
  return addressOf({ section: "turns", filters: NO_FILTERS, open: requestId });
}

export function sessionAddress(session: string): string {
  return addressOf({ section: "turns", filters: { ...NO_FILTERS, session }, open: null });
}

/** Whether the page handles this click itself; others open a new tab or a menu. */
export function isPlain(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

/** Keeps store and URL in sync; a click on a link within this page does not reload it. */
export function followAddress(store: Store<State, Action>): void {
  const go = () => {
    store.dispatch({ type: "go", place: placeOf(new URL(window.location.href)) });
  };
  go();
  window.addEventListener("popstate", go);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || event.defaultPrevented || !isPlain(event) || link.pathname !== window.location.pathname) return;
    event.preventDefault();
    window.history.pushState(null, "", link.href);
    go();
  });
  let shown: State | null = null;
  store.subscribe((state) => {
    const { section, turns } = state;
    if (section === shown?.section && turns === shown.turns) return;
    shown = state;
    show(state);
  });
}

function show({ section, turns: { filters, open } }: State): void {
  const current = placeOf(new URL(window.location.href));
  const wanted = addressOf({ section, filters, open });
  if (addressOf(current) === wanted) return;
  // typing into a filter is one step of the history, not one per letter
  const isStep = current.section !== section || current.open !== open;
  if (isStep) window.history.pushState(null, "", wanted);
  else window.history.replaceState(null, "", wanted);
}
