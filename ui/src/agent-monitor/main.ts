/** Assembles the monitor's page: pushed live data, past turns, and the views of both. */

import { api } from "../common/api";
import { element } from "../common/dom";
import { Store } from "../common/store";
import { followAddress } from "./address";
import { atMostEvery, perFrame } from "./frames";
import { MonitorSocket } from "./monitor-socket";
import { BASE } from "./server";
import { INITIAL, reduce } from "./state";
import { TurnSource } from "./turn-source";
import { mountCalls } from "./views/calls";
import { mountDetail } from "./views/detail";
import { mountFilters } from "./views/filters";
import { mountFrame } from "./views/frame";
import { mountNumbers } from "./views/numbers";
import { mountComponents } from "./views/components";
import { mountToday } from "./views/today";
import { mountTranscript } from "./views/transcript";
import { mountTurnList } from "./views/turn-list";

/** Minimum interval between redraws of pushed data: it arrives in bursts, and nobody reads faster. */
const PUSHED_MS = 250;

const store = new Store(reduce, INITIAL);

const socket = new MonitorSocket({
  onConnected: (on) => {
    store.dispatch({ type: "connected", on });
  },
  onMessage: (message) => {
    store.dispatch({ type: "received", message, at: Date.now() / 1_000 });
    // a new connection does not know the watched call
    const { watched } = store.state.live;
    if (message.type === "monitor_snapshot" && watched) socket.watch(watched.sessionId);
  },
  onEnd: toLogin,
});

function watch(sessionId: string | null): void {
  if (store.state.live.watched?.sessionId === sessionId) return;
  store.dispatch({ type: "watch", sessionId });
  socket.watch(sessionId);
  if (sessionId === null) return;
  // on a narrow page the transcript is below the list
  const transcript = element("transcript", HTMLElement);
  if (transcript.getBoundingClientRect().top > 0.75 * window.innerHeight) transcript.scrollIntoView({ block: "end" });
}

function toLogin(): void {
  const here = window.location.pathname + window.location.search + window.location.hash;
  window.location.assign(`${BASE}/staff/login?to=${encodeURIComponent(here)}`);
}

followAddress(store);
const views = [
  mountFrame(),
  mountNumbers((change) => {
    store.dispatch({ type: "filter_calls", change });
  }),
  mountCalls({
    watch,
    filter: (change) => {
      store.dispatch({ type: "filter_calls", change });
    },
  }),
  mountTranscript(() => {
    watch(null);
  }),
  mountComponents(),
  mountToday(),
  mountFilters((filters) => {
    store.dispatch({ type: "filter", filters });
  }),
  mountTurnList((action) => {
    store.dispatch(action);
  }),
  mountDetail(() => {
    store.dispatch({ type: "open", requestId: null });
  }),
];
const drawNow = perFrame(() => {
  for (const view of views) view(store.state);
});
store.subscribe(atMostEvery(PUSHED_MS, drawNow));
// the reader's own actions are drawn at once
for (const gesture of ["click", "input", "keydown"]) document.addEventListener(gesture, drawNow);
window.addEventListener("popstate", drawNow);
new TurnSource(store, toLogin);
element("logout", HTMLButtonElement).addEventListener("click", () => {
  void api(`${BASE}/staff/api/logout`, { method: "POST" }).finally(toLogin);
});
socket.open();
