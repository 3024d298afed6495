/** Assembles the desk's page: the server's view, the telephone, and the person's actions on both. */

import { api, ApiError } from "../common/api";
import { element } from "../common/dom";
import { Store } from "../common/store";
import type { CallBack, PastCall, Phone as Credentials } from "../protocol.generated";
import { DeskSocket, NO_TELEPHONE, NOT_LOGGED_IN } from "./desk-socket";
import { Phone } from "./phone";
import { RingTone } from "./ring-tone";
import { INITIAL, isCallers, panel, reduce } from "./state";
import { mountCard } from "./views/card";
import { mountControls, type CallActions } from "./views/controls";
import { mountLists } from "./views/lists";
import { mountStatus } from "./views/status";

const BASE = "/call-center";
const REFRESH_MS = 30_000;
/** The reason for *not ready* while a desk talks with a colleague. */
const WITH_COLLEAGUE = "On the telephone with a colleague";

const store = new Store(reduce, INITIAL);
const ringTone = new RingTone();
const remote = element("remote", HTMLAudioElement);
let phone: Phone | null = null;

const socket = new DeskSocket({
  onConnected: (on) => {
    store.dispatch({ type: "connected", on });
  },
  onMessage: (message) => {
    if (message.type === "desk_view") {
      const before = store.state.view;
      store.dispatch({ type: "view", view: message.view });
      // the page was reloaded during a call, and its telephone has lost the call
      if (before === null && message.view.state === "on_call") socket.sendAction("lost");
      const isOld = before?.state === message.view.state && before.call_backs === message.view.call_backs;
      if (!isOld) void refresh();
    } else if (message.type === "desk_refused") {
      store.dispatch({ type: "fault", words: message.message });
    }
  },
  onEnd: (code) => {
    if (code === NOT_LOGGED_IN) toLogin();
    else if (code !== NO_TELEPHONE) tell("This desk is open in another window.");
  },
});

const actions: CallActions = {
  sendAction: (action, text) => {
    if (!socket.sendAction(action, text)) tell("The call center can't be reached right now. Try again.");
  },
  accept: () => {
    if (isCallers(store.state)) actions.sendAction("accept");
    else if (store.state.view?.state === "ready") actions.sendAction("not_ready", WITH_COLLEAGUE);
    phone?.answer();
  },
  decline: (reason) => {
    if (isCallers(store.state)) actions.sendAction("decline", reason);
    phone?.decline();
  },
  hangUp: () => {
    if (isCallers(store.state)) actions.sendAction("hang_up");
    phone?.hangUp();
  },
  phone: () => phone,
  saveNotes: async (transfer, text) => {
    await api(`${BASE}/api/history/${encodeURIComponent(transfer)}/notes`, { method: "POST", body: { text } });
    await refresh();
  },
  calledBack: async (id) => {
    await api(`${BASE}/api/call-backs/${encodeURIComponent(id)}/done`, { method: "POST" });
    await refresh();
  },
  tell,
};

for (const view of [mountStatus(actions), mountCard(), mountControls(actions), mountLists(actions)])
  store.subscribe(view);
store.subscribe((state) => {
  ringTone.set(state.call?.stage === "ringing");
  document.title = panel(state) === "ringing" ? "Incoming call · Convonet" : "Call center · Convonet";
});

function tell(words: string): void {
  store.dispatch({ type: "fault", words });
}

function toLogin(): void {
  location.assign(`${BASE}/staff/login?to=${encodeURIComponent(BASE)}`);
}

function play(stream: MediaStream | null): void {
  remote.srcObject = stream;
  if (stream) void remote.play().catch(() => undefined);
}

async function refresh(): Promise<void> {
  try {
    const [history, callBacks] = await Promise.all([
      api<PastCall[]>(`${BASE}/api/history`),
      api<CallBack[]>(`${BASE}/api/call-backs`),
    ]);
    store.dispatch({ type: "read", history, callBacks });
  } catch (failure) {
    fail(failure);
  }
}

function fail(failure: unknown): void {
  if (failure instanceof ApiError && failure.status === 401) toLogin();
  else tell(failure instanceof ApiError ? failure.message : "Something went wrong. Reload the page.");
}

async function startPhone(): Promise<void> {
  try {
    const credentials = await api<Credentials>(`${BASE}/api/phone`);
    phone = new Phone(
      credentials,
      (action) => {
        store.dispatch(action);
        const { view } = store.state;
        const isBack = action.type === "call" && action.call === null && view?.state === "not_ready";
        if (isBack && view.reason === WITH_COLLEAGUE) actions.sendAction("ready");
      },
      play,
      (how, extension) => {
        actions.sendAction(how, extension);
      },
    );
    phone.start();
  } catch (failure) {
    if (failure instanceof ApiError && failure.status !== 401)
      store.dispatch({ type: "registration", registration: "failed", fault: failure.message });
    else fail(failure);
  }
}

async function start(): Promise<void> {
  try {
    const me = await api<{ display_name: string }>(`${BASE}/staff/api/me`);
    store.dispatch({ type: "who", name: me.display_name });
  } catch (failure) {
    fail(failure);
    return;
  }
  socket.open();
  await Promise.all([startPhone(), refresh()]);
  setInterval(() => void refresh(), REFRESH_MS);
}

window.addEventListener("beforeunload", (event) => {
  if (store.state.call?.stage === "talking") event.preventDefault(); // the caller would be cut off
});
window.addEventListener("pagehide", () => {
  phone?.hangUp();
});
element("logout", HTMLButtonElement).addEventListener("click", () => {
  void api(`${BASE}/staff/api/logout`, { method: "POST" }).finally(toLogin);
});
void start();
