/** The desk's WebSocket. */

import { NOT_LOGGED_IN, PageSocket, type SocketListener } from "../common/page-socket";
import type { AnyDeskClientMessage, AnyDeskServerMessage, DeskAction } from "../protocol.generated";

export { NOT_LOGGED_IN };
export const NO_TELEPHONE = 4403;
export const TAKEN_OVER = 4001;

export class DeskSocket extends PageSocket<AnyDeskClientMessage, AnyDeskServerMessage> {
  constructor(listener: SocketListener<AnyDeskServerMessage>) {
    const ends = [NOT_LOGGED_IN, NO_TELEPHONE, TAKEN_OVER];
    super({ path: "/call-center/ws", alive: { type: "desk_alive" }, first: "desk_view", ends }, listener);
  }

  /** Returns false if the server can't be reached now. */
  sendAction(action: DeskAction, text = ""): boolean {
    return this.send({ type: "desk_does", action, text });
  }
}
