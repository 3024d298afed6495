/** Callbacks from a connection to its call. */

import type { AnyServerMessage, AuthOk, ErrorMessage } from "../protocol.generated";
import type { SoundFrame } from "./frames";
import type { SocketLike } from "./socket";

export interface ConnectionOptions {
  openSocket: () => SocketLike;
  random: () => number;
  /** Returns the `seq` up to which nothing has to be sent again, given the last one received. */
  heardUpTo: (received: number) => number;
}

export interface ConnectionListener {
  /** The server asks for authentication, and there is no session to resume. */
  onAuthRequired: (pinRequired: boolean) => void;
  onLive: (message: AuthOk) => void;
  onMessage: (message: AnyServerMessage) => void;
  onSound: (frame: SoundFrame) => void;
  onLost: () => void;
  /** The server has no room for the call; the page retries after this many milliseconds. */
  onNoRoom: (error: ErrorMessage, retryInMs: number) => void;
  onResumeFailed: () => void;
  /** The session is over and must not be resumed. */
  onEnded: (message: ErrorMessage | null) => void;
}
