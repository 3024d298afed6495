/** The two telephones of a desk: its page for direct calls, and one at the PBX for accounts that have one. */

import { api } from "../common/api";
import type { Phone as Credentials } from "../protocol.generated";
import type { DirectPhone } from "./direct-phone";
import type { Phone, PassedOn } from "./phone";
import { isDirect, type Action, type State } from "./state";
import type { Telephone } from "./telephone";

export interface SipParts {
  dispatch: (action: Action) => void;
  play: (stream: MediaStream | null) => void;
  passedOn: PassedOn;
}

export class Telephones {
  private sip: Phone | null = null;

  constructor(
    readonly direct: DirectPhone,
    private readonly parts: SipParts,
  ) {}

  /** The telephone that has the desk's call. */
  of(state: State): Telephone | null {
    return isDirect(state) ? this.direct : this.sip;
  }

  /** Registers at the PBX. An account without a telephone there needs no SIP, and its page loads none. */
  async start(address: string): Promise<void> {
    const credentials = await api<Credentials | null>(address);
    const { dispatch, play, passedOn } = this.parts;
    if (credentials === null) {
      dispatch({ type: "registration", registration: "page" });
      return;
    }
    const { Phone } = await import("./phone");
    this.sip = new Phone(credentials, dispatch, play, passedOn);
    this.sip.start();
  }

  /** The page is left: a telephone loses its call, and a direct one goes on when the page is back. */
  leave(): void {
    this.sip?.hangUp();
  }
}
