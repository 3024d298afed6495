/** A desk's telephone as its page uses it: the page itself for direct calls, or one that is registered at the PBX. */

export interface Telephone {
  answer: () => void;
  decline: () => void;
  hangUp: () => void;
  setHeld: (on: boolean) => void;
  setMuted: (on: boolean) => void;
  press: (tone: string) => void;
  /** Transfers the caller to an extension (blind transfer). */
  transfer: (extension: string) => void;
  /** Calls a colleague while the caller is on hold. */
  consult: (extension: string) => void;
  /** Transfers the caller to the colleague who was called (attended transfer). */
  complete: (extension: string) => void;
  /** Ends the call to the colleague. */
  dropConsultation: () => void;
}
