/** The browser's WebSocket as the connection needs it: little enough that a test can stand in for it. */

import type { AnyServerMessage } from "../protocol.generated";

export interface SocketLike {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send: (data: string | ArrayBuffer) => void;
  close: () => void;
}

export function openSocket(): SocketLike {
  const url = new URL("/webrtc/ws", window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  return socket as SocketLike;
}

/** The server's messages follow the wire contract; they are generated from the same models as their types here. */
export function parse(data: unknown): AnyServerMessage {
  return JSON.parse(String(data)) as AnyServerMessage;
}
