/** The few methods of the browser's WebSocket that the connection needs, so that tests can replace it. */

import type { AnyClientMessage, AnyServerMessage } from "../protocol.generated";
import { parseFrame, type SoundFrame } from "./frames";

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

export interface WireListener {
  onOpen: () => void;
  onMessage: (message: AnyServerMessage) => void;
  onSound: (frame: SoundFrame) => void;
  onClose: (code: number) => void;
}

/** Speaks the wire contract over one socket until it is closed or dropped. */
export class Wire {
  constructor(
    private readonly socket: SocketLike,
    listener: WireListener,
  ) {
    socket.onopen = listener.onOpen;
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        const frame = parseFrame(data);
        if (frame) listener.onSound(frame);
      } else {
        // generated from the same models as the types here
        listener.onMessage(JSON.parse(String(data)) as AnyServerMessage);
      }
    };
    socket.onclose = ({ code }) => {
      listener.onClose(code);
    };
  }

  send(message: AnyClientMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  sendSound(frame: ArrayBuffer): void {
    this.socket.send(frame);
  }

  drop(): void {
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }
}
