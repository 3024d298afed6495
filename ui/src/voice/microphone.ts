/** The microphone, opened on first use and kept open until the call ends, so that the next utterance starts at once. */

import type { MicFault } from "./state";

const CONSTRAINTS = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
} as const;

export class MicrophoneError extends Error {
  constructor(readonly fault: MicFault) {
    super(fault);
  }
}

export class Microphone {
  private stream: MediaStream | null = null;

  constructor(private readonly onUnplugged: () => void) {}

  /** Throws `MicrophoneError`. */
  async open(): Promise<MediaStream> {
    if (this.stream?.active) return this.stream;
    const stream = await request();
    for (const track of stream.getTracks()) track.addEventListener("ended", this.onUnplugged);
    this.stream = stream;
    return stream;
  }

  close(): void {
    for (const track of this.stream?.getTracks() ?? []) {
      track.removeEventListener("ended", this.onUnplugged);
      track.stop();
    }
    this.stream = null;
  }

  /** Whether `open` works without asking the caller. */
  static async isAllowed(): Promise<boolean> {
    try {
      return (await navigator.permissions.query({ name: "microphone" })).state === "granted";
    } catch {
      return false; // a browser that does not know this permission asks on first use
    }
  }
}

async function request(): Promise<MediaStream> {
  // an address without TLS has no mediaDevices at all, whatever the types say
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw new MicrophoneError(window.isSecureContext ? "unsupported" : "insecure");
  try {
    return await devices.getUserMedia(CONSTRAINTS);
  } catch (error) {
    throw new MicrophoneError(faultOf(error));
  }
}

function faultOf(error: unknown): MicFault {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    default:
      return "in_use";
  }
}
