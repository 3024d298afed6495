/** The telephone in the page: JsSIP, registered with the PBX. One call, and one to a colleague besides. */

import { UA, WebSocketInterface } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { RTCSessionEvent } from "jssip/lib/UA";
import type { Phone as Credentials } from "../protocol.generated";
import type { Action, PhoneCall } from "./state";

/** Names the hand-over that rings; the PBX passes it on. */
const TRANSFER_HEADER = "X-Convo-Transfer";
const BUSY = 486;
const DECLINED = 603;
const REGISTER_S = 120;

/** Seconds after which JsSIP tries to reach the PBX again. */
const RECOVERY = { connection_recovery_min_interval: 2, connection_recovery_max_interval: 15 };

export class Phone {
  private readonly ua: UA;
  private session: RTCSession | null = null;
  private consultation: RTCSession | null = null;

  constructor(
    private readonly credentials: Credentials,
    private readonly dispatch: (action: Action) => void,
    private readonly play: (stream: MediaStream | null) => void,
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
    this.dispatch({ type: "line", line: "registering" });
    this.ua.start();
  }

  answer(): void {
    this.session?.answer({ mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } });
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
    this.session?.sendDTMF(tone);
  }

  /** Gives the caller to an extension without asking it. */
  transfer(extension: string): void {
    this.session?.refer(this.address(extension));
  }

  /** Calls a colleague while the caller waits. */
  consult(extension: string): void {
    this.setHeld(true);
    const options = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };
    const session = this.ua.call(this.address(extension), options);
    this.consultation = session;
    this.dispatch({ type: "consultation", stage: "ringing" });
    session.on("confirmed", () => {
      this.dispatch({ type: "consultation", stage: "talking" });
    });
    const over = () => {
      this.consultation = null;
      this.dispatch({ type: "consultation", stage: "none" });
      if (this.session) this.listen(this.session);
    };
    session.on("ended", over);
    session.on("failed", over);
    this.listen(session);
  }

  /** Gives the caller to the colleague who was called. */
  complete(extension: string): void {
    if (this.session && this.consultation) this.session.refer(this.address(extension), { replaces: this.consultation });
  }

  /** The colleague is not wanted any more. */
  dropConsultation(): void {
    this.consultation?.terminate();
    this.setHeld(false);
  }

  private address(extension: string): string {
    return `sip:${extension}@${this.credentials.domain}`;
  }

  private follow(): void {
    this.ua.on("registered", () => {
      this.dispatch({ type: "line", line: "registered" });
    });
    this.ua.on("unregistered", () => {
      this.dispatch({ type: "line", line: "registering" });
    });
    this.ua.on("disconnected", () => {
      this.dispatch({ type: "line", line: "registering", fault: "The telephone system is out of reach." });
    });
    this.ua.on("registrationFailed", ({ cause }) => {
      const fault = `The telephone system has refused this extension (${String(cause)}).`;
      this.dispatch({ type: "line", line: "failed", fault });
    });
    this.ua.on("newRTCSession", ({ session, request }: RTCSessionEvent) => {
      const direction: string = session.direction;
      if (direction === "incoming") this.ring(session, request);
    });
  }

  private ring(session: RTCSession, request: RTCSessionEvent["request"]): void {
    if (this.session) {
      session.terminate({ status_code: BUSY });
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
    session.on("accepted", () => {
      this.dispatch({ type: "call_changed", change: { stage: "talking", since: Date.now() } });
    });
    session.on("hold", () => {
      this.dispatch({ type: "call_changed", change: { held: true } });
    });
    session.on("unhold", () => {
      this.dispatch({ type: "call_changed", change: { held: false } });
    });
    session.on("getusermediafailed", () => {
      this.dispatch({ type: "fault", words: "The microphone can't be used. Allow it for this page, then call back." });
    });
    const over = () => {
      this.session = null;
      this.consultation?.terminate();
      this.play(null);
      this.dispatch({ type: "call", call: null });
    };
    session.on("ended", over);
    session.on("failed", over);
    this.listen(session);
  }

  /** Plays what the other side says; an incoming call has no connection before it is answered. */
  private listen(session: RTCSession): void {
    const connection = session.connection as RTCPeerConnection | null;
    const hear = (from: RTCPeerConnection) => {
      const [receiver] = from.getReceivers();
      if (receiver) this.play(new MediaStream([receiver.track]));
      from.addEventListener("track", ({ track }) => {
        this.play(new MediaStream([track]));
      });
    };
    if (connection) hear(connection);
    else
      session.on("peerconnection", ({ peerconnection }) => {
        hear(peerconnection);
      });
  }
}

/** JsSIP's types promise a header that may not be there. */
function transferOf(request: RTCSessionEvent["request"]): string | undefined {
  return request.getHeader(TRANSFER_HEADER);
}
