/** The microphone, opened on first use and kept open until its user closes it, so that the next use starts at once. */

/** Reasons why there is no microphone. */
export type MicFault = "refused" | "missing" | "in_use" | "insecure" | "unsupported" | "lost";

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
  private opening: Promise<MediaStream> | null = null;

  constructor(private readonly onUnplugged: () => void) {}

  /** Throws `MicrophoneError`. */
  async open(): Promise<MediaStream> {
    if (this.stream?.active) return this.stream;
    this.opening ??= this.request().finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  close(): void {
    for (const track of this.stream?.getTracks() ?? []) {
      track.removeEventListener("ended", this.onUnplugged);
      track.stop();
    }
    this.stream = null;
  }

  /** Whether `open` works without asking the person. */
  static async isAllowed(): Promise<boolean> {
    return (await permission())?.state === "granted";
  }

  /** Reports whether the person or the browser has blocked the microphone, now and after each change. */
  static async watchBlocked(onBlocked: (blocked: boolean) => void): Promise<void> {
    const status = await permission();
    if (!status) return;
    const report = () => {
      onBlocked(status.state === "denied");
    };
    status.addEventListener("change", report);
    report();
  }

  private async request(): Promise<MediaStream> {
    const stream = await request();
    for (const track of stream.getTracks()) track.addEventListener("ended", this.onUnplugged);
    this.stream = stream;
    return stream;
  }
}

async function permission(): Promise<PermissionStatus | null> {
  try {
    return await navigator.permissions.query({ name: "microphone" });
  } catch {
    return null; // a browser that does not know this permission asks on first use
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
