/** Assembles the desk's page: the server's view, the telephones, and the person's actions on them. */

import { Microphone } from "../audio/microphone";
import { TalkAudio } from "../audio/talk-audio";
import { api, ApiError } from "../common/api";
import { element } from "../common/dom";
import { Store } from "../common/store";
import type { CallBack, DeskView, PastCall } from "../protocol.generated";
import { DeskSocket, NO_TELEPHONE, NOT_LOGGED_IN } from "./desk-socket";
import { DirectPhone } from "./direct-phone";
import { RingTone } from "./ring-tone";
import { callOf, INITIAL, isCallers, isDirect, panel, reduce, type Action } from "./state";
import { Telephones } from "./telephones";
import { mountCard } from "./views/card";
import { mountControls, type CallActions } from "./views/controls";
import { mountLists } from "./views/lists";
import { mountMeters } from "./views/meters";
import { mountStatus } from "./views/status";

const BASE = "/call-center";
const REFRESH_MS = 30_000;
/** The reason for *not ready* while a desk talks with a colleague. */
const WITH_COLLEAGUE = "On the telephone with a colleague";

const store = new Store(reduce, INITIAL);
const ringTone = new RingTone();
const remote = element("remote", HTMLAudioElement);
let isLoggedOut = false;

const socket = new DeskSocket({
  onConnected: (on) => {
    store.dispatch({ type: "connected", on });
    if (on) telephones.direct.reconnected();
  },
  onMessage: (message) => {
    if (message.type === "desk_view") {
      show(message.view);
    } else if (message.type === "desk_refused") {
      telephones.direct.refused();
      tell(message.message);
    }
  },
  onEnd: (code) => {
    telephones.direct.follow(null); // the other window has the call now
    if (code === NOT_LOGGED_IN) toLogin();
    else if (code !== NO_TELEPHONE) store.dispatch({ type: "taken_over" });
  },
});

const actions: CallActions = {
  sendAction: (action, text) => {
    const isSent = socket.sendAction(action, text);
    if (!isSent) tell("The call center can't be reached right now. Try again.");
    return isSent;
  },
  becomeReady: () => {
    // a call that comes a moment later must not wait for the browser's question
    void telephones.direct.prepare().then((isAllowed) => {
      if (isAllowed) actions.sendAction("ready");
    });
  },
  accept: () => {
    // a direct call is accepted once the microphone is open
    if (isDirect(store.state)) telephones.direct.answer();
    else acceptByTelephone();
  },
  decline: (reason) => {
    const phone = actions.phone();
    if (isCallers(store.state)) actions.sendAction("decline", reason);
    phone?.decline();
  },
  hangUp: () => {
    const phone = actions.phone();
    if (isCallers(store.state) && !isDirect(store.state)) actions.sendAction("hang_up");
    phone?.hangUp();
  },
  phone: () => telephones.of(store.state),
  unblock: () => {
    telephones.direct.unblock();
  },
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

const meters = mountMeters();
const telephones = new Telephones(
  new DirectPhone({
    sendAction: actions.sendAction,
    dispatch: (action) => {
      store.dispatch(action);
    },
    onLevel: meters.add,
    onLoggedOut: toLogin,
    openTalk: (callbacks) => new TalkAudio(callbacks),
  }),
  {
    dispatch: followTelephone,
    play: (stream) => {
      remote.srcObject = stream;
      if (stream) void remote.play().catch(() => undefined);
    },
    passedOn: actions.sendAction,
  },
);

for (const view of [mountStatus(actions), mountCard(), mountControls(actions), mountLists(actions), meters.draw])
  store.subscribe(view);
store.subscribe((state) => {
  ringTone.set(callOf(state)?.stage === "ringing");
  document.title = panel(state) === "ringing" ? "Incoming call · Convonet" : "Call center · Convonet";
});

function tell(words: string): void {
  store.dispatch({ type: "fault", words });
}

function toLogin(): void {
  isLoggedOut = true;
  location.assign(`${BASE}/staff/login?to=${encodeURIComponent(BASE)}`);
}

function show(view: DeskView): void {
  const before = store.state.view;
  store.dispatch({ type: "view", view });
  telephones.direct.follow(view.call ?? null);
  // the page was reloaded during a call, and its telephone has lost the call; a direct one goes on
  if (before === null && view.state === "on_call" && !view.call) socket.sendAction("lost");
  const isOld = before?.state === view.state && before.call_backs === view.call_backs;
  if (!isOld) void refresh();
}

function acceptByTelephone(): void {
  if (isCallers(store.state)) actions.sendAction("accept");
  else if (store.state.view?.state === "ready") actions.sendAction("not_ready", WITH_COLLEAGUE);
  actions.phone()?.answer();
}

function followTelephone(action: Action): void {
  store.dispatch(action);
  const { view } = store.state;
  const isBack = action.type === "call" && action.call === null && view?.state === "not_ready";
  if (isBack && view.reason === WITH_COLLEAGUE) actions.sendAction("ready");
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
    await telephones.start(`${BASE}/api/phone`);
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
  // the caller would be cut off, or would wait
  if (callOf(store.state)?.stage === "talking" && !isLoggedOut) event.preventDefault();
});
window.addEventListener("pagehide", () => {
  telephones.leave();
});
for (const gesture of ["pointerup", "keydown"] as const) document.addEventListener(gesture, actions.unblock);
void Microphone.watchBlocked((blocked) => {
  if (blocked || store.state.micFault === "refused")
    store.dispatch({ type: "mic_fault", fault: blocked ? "refused" : null });
});
element("logout", HTMLButtonElement).addEventListener("click", () => {
  void api(`${BASE}/staff/api/logout`, { method: "POST" }).finally(toLogin);
});
void start();
