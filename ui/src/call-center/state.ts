/** The state of a desk's page. Changed by `reduce` only. */

import type { CallBack, DeskView, PastCall } from "../protocol.generated";

export type Registration = "none" | "registering" | "registered" | "failed";

/** A call on this desk's telephone. */
export interface PhoneCall {
  /** The hand-over that it belongs to; empty for a colleague's call. */
  transfer: string;
  from: string;
  incoming: boolean;
  stage: "ringing" | "talking";
  held: boolean;
  muted: boolean;
  /** Unix time in ms at which the talk began. */
  since: number | null;
}

export interface State {
  who: string;
  connected: boolean;
  view: DeskView | null;
  registration: Registration;
  /** The reason why the telephone does not work. */
  registrationFault: string;
  call: PhoneCall | null;
  /** A call to a colleague, before the caller is transferred to them. */
  consultation: "none" | "ringing" | "talking";
  /** The PBX was asked to transfer the caller to a colleague. */
  giving: boolean;
  history: readonly PastCall[];
  callBacks: readonly CallBack[];
  /** The last error message. */
  fault: string;
}

export type Action =
  | { type: "who"; name: string }
  | { type: "connected"; on: boolean }
  | { type: "view"; view: DeskView }
  | { type: "registration"; registration: Registration; fault?: string }
  | { type: "call"; call: PhoneCall | null }
  | { type: "call_changed"; change: Partial<PhoneCall> }
  | { type: "consultation"; stage: State["consultation"] }
  | { type: "giving"; on: boolean }
  | { type: "read"; history: readonly PastCall[]; callBacks: readonly CallBack[] }
  | { type: "fault"; words: string };

export const INITIAL: State = {
  who: "",
  connected: false,
  view: null,
  registration: "none",
  registrationFault: "",
  call: null,
  consultation: "none",
  giving: false,
  history: [],
  callBacks: [],
  fault: "",
};

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "who":
      return { ...state, who: action.name };
    case "connected":
      return { ...state, connected: action.on };
    case "view":
      return { ...state, view: action.view, fault: "" };
    case "registration":
      return { ...state, registration: action.registration, registrationFault: action.fault ?? "" };
    case "call":
      return { ...state, call: action.call, consultation: "none", giving: false };
    case "call_changed":
      return state.call ? { ...state, call: { ...state.call, ...action.change } } : state;
    case "consultation":
      return { ...state, consultation: action.stage };
    case "giving":
      return { ...state, giving: action.on };
    case "read":
      return { ...state, history: action.history, callBacks: action.callBacks };
    case "fault":
      return { ...state, fault: action.words };
  }
}

/** Whether the telephone's call is a caller's, which the server knows, and not a colleague's. */
export function isCallers(state: State): boolean {
  const at = state.view?.state;
  return Boolean(state.call?.transfer) || at === "ringing" || at === "on_call";
}

/** The main panel of the page. */
export function panel(state: State): "idle" | "ringing" | "talking" | "wrap_up" {
  if (state.call) return state.call.stage;
  switch (state.view?.state) {
    case "ringing":
      return "ringing";
    case "on_call":
      return "talking";
    case "wrap_up":
      return "wrap_up";
    default:
      return "idle";
  }
}
