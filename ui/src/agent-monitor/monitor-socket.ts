/** The monitor's WebSocket. */

import { NOT_LOGGED_IN, PageSocket, type SocketListener } from "../common/page-socket";
import type { AnyMonitorClientMessage, AnyMonitorServerMessage } from "../protocol.generated";
import { BASE } from "./server";

/** The account has lost the right to see this page. */
const NO_SUPERVISOR = 4403;

export class MonitorSocket extends PageSocket<AnyMonitorClientMessage, AnyMonitorServerMessage> {
  constructor(listener: SocketListener<AnyMonitorServerMessage>) {
    const alive = { type: "monitor_alive" } as const;
    super({ path: `${BASE}/ws`, alive, first: "monitor_snapshot", ends: [NOT_LOGGED_IN, NO_SUPERVISOR] }, listener);
  }

  /** Returns false if the server can't be reached now; the watch is repeated after the next snapshot. */
  watch(sessionId: string | null): boolean {
    return this.send({ type: "monitor_watch", session_id: sessionId });
  }
}
