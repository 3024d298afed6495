/** What the connection of a call needs to know of its call, and tells it. */

import type { AnyServerMessage, AuthOk, ErrorMessage } from "../protocol.generated";
import type { SoundFrame } from "./frames";
import type { SocketLike } from "./socket";

export interface ConnectionOptions {
  openSocket: () => SocketLike;
  random: () => number;
  /** The `seq` up to which nothing is needed again, given the last one received. */
  heardUpTo: (received: number) => number;
}

export interface ConnectionListener {
  /** The server wants to know who is calling, and there is no session to resume. */
  onAuthRequired: (pinRequired: boolean) => void;
  onLive: (message: AuthOk) => void;
  onMessage: (message: AnyServerMessage) => void;
  onSound: (frame: SoundFrame) => void;
  onLost: () => void;
  /** There is no room for the call: it is tried again by itself after so many milliseconds. */
  onNoRoom: (error: ErrorMessage, retryInMs: number) => void;
  onResumeFailed: () => void;
  /** The session is over and must not be taken up again. */
  onEnded: (message: ErrorMessage | null) => void;
}
