/** The state of a desk's page. Changed by `reduce` only. */

import type { MicFault } from "../audio/microphone";
import type { CallBack, DeskView, PastCall } from "../protocol.generated";

/** `page`: the account has no telephone at the PBX, and the page itself carries its calls. */
export type Registration = "none" | "page" | "registering" | "registered" | "failed";

/** A call on this desk's telephone, or a direct one in its page. */
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
  /** Another window has become this desk. */
  takenOver: boolean;
  view: DeskView | null;
  registration: Registration;
  /** The reason why the telephone does not work. */
  registrationFault: string;
  /** The call on the telephone; a direct call is in the view. */
  call: PhoneCall | null;
  /** The microphone of a direct call is being opened. */
  answering: boolean;
  /** The caller of a direct call does not hear this desk. */
  muted: boolean;
  /** The audio of a direct call flows. */
  streaming: boolean;
  /** The browser blocks sound until a gesture. */
  audioBlocked: boolean;
  micFault: MicFault | null;
  /** A call of the telephone to a colleague, before the caller is transferred to them. */
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
  | { type: "taken_over" }
  | { type: "view"; view: DeskView }
  | { type: "registration"; registration: Registration; fault?: string }
  | { type: "call"; call: PhoneCall | null }
  | { type: "call_changed"; change: Partial<PhoneCall> }
  | { type: "answering" | "muted" | "streaming"; on: boolean }
  | { type: "audio_blocked"; blocked: boolean }
  | { type: "mic_fault"; fault: MicFault | null }
  | { type: "consultation"; stage: State["consultation"] }
  | { type: "giving"; on: boolean }
  | { type: "read"; history: readonly PastCall[]; callBacks: readonly CallBack[] }
  | { type: "fault"; words: string };

export const INITIAL: State = {
  who: "",
  connected: false,
  takenOver: false,
  view: null,
  registration: "none",
  registrationFault: "",
  call: null,
  answering: false,
  muted: false,
  streaming: false,
  audioBlocked: false,
  micFault: null,
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
    case "taken_over":
      return { ...state, takenOver: true, view: null, fault: "This desk is open in another window." };
    case "view":
      return { ...state, view: action.view, fault: "" };
    case "registration":
      return { ...state, registration: action.registration, registrationFault: action.fault ?? "" };
    case "call":
      return { ...state, call: action.call, consultation: "none", giving: false };
    case "call_changed":
      return state.call ? { ...state, call: { ...state.call, ...action.change } } : state;
    case "answering":
    case "muted":
    case "streaming":
      return { ...state, [action.type]: action.on };
    case "audio_blocked":
      return { ...state, audioBlocked: action.blocked };
    case "mic_fault":
      return { ...state, micFault: action.fault };
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

/** Whether the page itself carries the call. A desk that can be reached both ways rings once. */
export function isDirect({ view }: State): boolean {
  return Boolean(view?.call);
}

/** The call of this desk: the direct one of the server's view, or the telephone's. */
export function callOf(state: State): PhoneCall | null {
  const { view } = state;
  if (!view?.call) return state.call;
  const { transfer_id: transfer, from_colleague: colleague, held } = view.call;
  const stage = view.state === "ringing" ? "ringing" : "talking";
  const since = stage === "talking" ? view.since * 1_000 : null;
  const from = colleague || (view.card?.name ?? "");
  return { transfer, from, incoming: true, stage, held, muted: state.muted, since };
}

/** This desk's own call to a colleague, before it passes the caller on. */
export function consultationOf({ view, consultation }: State): State["consultation"] {
  return view?.call ? view.call.consultation : consultation;
}

/** Whether the call is a caller's, which the server knows, and not a colleague's on the telephone. */
export function isCallers(state: State): boolean {
  const at = state.view?.state;
  return isDirect(state) || Boolean(state.call?.transfer) || at === "ringing" || at === "on_call";
}

/** The main panel of the page. */
export function panel(state: State): "idle" | "ringing" | "talking" | "wrap_up" {
  const call = callOf(state);
  if (call) return call.stage;
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
