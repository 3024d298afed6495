/** The SIP telephone in the page, for accounts that have one: JsSIP, registered with the PBX. One call, and one to a colleague besides. */

import { C, UA, WebSocketInterface } from "jssip";
import type { ReferEvent, ReferOptions, RTCSession } from "jssip/lib/RTCSession";
import type { RTCSessionEvent } from "jssip/lib/UA";
import type { Phone as Credentials } from "../protocol.generated";
import { playRemoteAudio } from "./remote-audio";
import type { Action, PhoneCall } from "./state";
import type { Telephone } from "./telephone";

/** SIP header with the id of the hand-over; the PBX passes it on. */
const TRANSFER_HEADER = "X-Convo-Transfer";
const BUSY = 486;
const DECLINED = 603;
const REGISTER_S = 120;

/** Seconds after which JsSIP tries to reach the PBX again. */
const RECOVERY = { connection_recovery_min_interval: 2, connection_recovery_max_interval: 15 };

const ANSWER = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };

/** Digits as RTP events (RFC 4733): FreeSWITCH ignores those in INFO unless it is told otherwise. */
const DTMF = { transportType: C.DTMF_TRANSPORT.RFC2833 };

export type PassedOn = (how: "blind_transfer" | "attended_transfer", extension: string) => void;

export class Phone implements Telephone {
  private readonly ua: UA;
  private session: RTCSession | null = null;
  private consultation: RTCSession | null = null;
  /** Reports that the colleague has the caller; set from the PBX's acceptance of a transfer until its end. */
  private given: (() => void) | null = null;

  constructor(
    private readonly credentials: Credentials,
    private readonly dispatch: (action: Action) => void,
    private readonly play: (stream: MediaStream | null) => void,
    private readonly passedOn: PassedOn,
  ) {
    const { extension, domain, display_name, ha1, wss_url } = credentials;
    this.ua = new UA({
      sockets: [new WebSocketInterface(wss_url)],
      uri: `sip:${extension}@${domain}`,
      authorization_user: extension,
      realm: domain,
      ha1,
      display_name,
      register: true,
      register_expires: REGISTER_S,
      session_timers: false,
      ...RECOVERY,
    });
    this.follow();
  }

  start(): void {
    this.dispatch({ type: "registration", registration: "registering" });
    this.ua.start();
  }

  answer(): void {
    this.session?.answer(ANSWER);
  }

  decline(): void {
    this.session?.terminate({ status_code: DECLINED });
  }

  hangUp(): void {
    this.consultation?.terminate();
    this.session?.terminate();
  }

  setHeld(on: boolean): void {
    if (on) this.session?.hold();
    else this.session?.unhold();
  }

  setMuted(on: boolean): void {
    if (on) this.session?.mute({ audio: true });
    else this.session?.unmute({ audio: true });
    this.dispatch({ type: "call_changed", change: { muted: on } });
  }

  press(tone: string): void {
    this.session?.sendDTMF(tone, DTMF);
  }

  transfer(extension: string): void {
    this.refer("blind_transfer", extension);
  }

  consult(extension: string): void {
    this.setHeld(true);
    const session = this.ua.call(this.address(extension), ANSWER);
    this.consultation = session;
    this.dispatch({ type: "consultation", stage: "ringing" });
    session.on("confirmed", () => {
      this.dispatch({ type: "consultation", stage: "talking" });
    });
    const over = () => {
      this.consultation = null;
      this.dispatch({ type: "consultation", stage: "none" });
      if (this.session) playRemoteAudio(this.session, this.play);
    };
    session.on("ended", over);
    session.on("failed", over);
    playRemoteAudio(session, this.play);
  }

  complete(extension: string): void {
    if (this.consultation) this.refer("attended_transfer", extension, { replaces: this.consultation });
  }

  dropConsultation(): void {
    this.consultation?.terminate();
    this.setHeld(false);
  }

  /** Asks the PBX to connect the caller with the extension. The PBX then ends our own calls. */
  private refer(how: Parameters<PassedOn>[0], extension: string, options: ReferOptions = {}): void {
    const given = () => {
      this.given = null;
      this.passedOn(how, extension);
    };
    const refused = () => {
      this.given = null;
      this.dispatch({ type: "giving", on: false });
      this.dispatch({ type: "fault", words: `The telephone system could not transfer the call to ${extension}.` });
    };
    const eventHandlers = {
      requestSucceeded: () => (this.given = given),
      requestFailed: refused,
      failed: refused,
      accepted: () => this.given?.(),
    };
    this.dispatch({ type: "giving", on: true });
    this.session?.refer(this.address(extension), { ...options, eventHandlers });
  }

  private address(extension: string): string {
    return `sip:${extension}@${this.credentials.domain}`;
  }

  private follow(): void {
    this.ua.on("registered", () => {
      this.dispatch({ type: "registration", registration: "registered" });
    });
    this.ua.on("unregistered", () => {
      this.dispatch({ type: "registration", registration: "registering" });
    });
    this.ua.on("disconnected", () => {
      this.dispatch({
        type: "registration",
        registration: "registering",
        fault: "The telephone system is out of reach.",
      });
    });
    this.ua.on("registrationFailed", ({ cause }) => {
      const fault = `The telephone system has refused this extension (${String(cause)}).`;
      this.dispatch({ type: "registration", registration: "failed", fault });
    });
    this.ua.on("newRTCSession", ({ session, request }: RTCSessionEvent) => {
      const direction: string = session.direction;
      if (direction === "incoming") this.ring(session, request);
    });
  }

  private ring(session: RTCSession, request: RTCSessionEvent["request"]): void {
    if (this.session) {
      // a call that replaces ours is ours already
      if (this.session !== session) session.terminate({ status_code: BUSY });
      return;
    }
    this.session = session;
    const call: PhoneCall = {
      transfer: transferOf(request) ?? "",
      from: session.remote_identity.display_name || session.remote_identity.uri.user,
      incoming: true,
      stage: "ringing",
      held: false,
      muted: false,
      since: null,
    };
    this.dispatch({ type: "call", call });
    this.take(session);
  }

  private take(session: RTCSession): void {
    const change = (change: Partial<PhoneCall>) => {
      if (this.session === session) this.dispatch({ type: "call_changed", change });
    };
    session.on("accepted", () => {
      change({ stage: "talking", since: Date.now() });
    });
    session.on("hold", () => {
      change({ held: true });
    });
    session.on("unhold", () => {
      change({ held: false });
    });
    session.on("getusermediafailed", () => {
      this.dispatch({ type: "fault", words: "The microphone can't be used. Allow it for this page, then call back." });
    });
    // attended transfer from a colleague: the same call, now with the caller
    session.on("replaces", ({ accept }: ReferEvent) => {
      (accept as (begin: (replacing: RTCSession) => void) => void)((replacing) => {
        change({ held: false, muted: false });
        this.session = replacing;
        this.take(replacing);
        replacing.answer(ANSWER);
      });
    });
    const over = () => {
      if (this.session !== session) return; // another session has replaced it
      this.session = null;
      this.given?.();
      this.consultation?.terminate();
      this.play(null);
      this.dispatch({ type: "call", call: null });
    };
    session.on("ended", over);
    session.on("failed", over);
    playRemoteAudio(session, this.play);
  }
}

/** JsSIP's types declare a header that may be missing. */
function transferOf(request: RTCSessionEvent["request"]): string | undefined {
  return request.getHeader(TRANSFER_HEADER);
}
