/**
 * The gestures of the talk button: hold to talk, or, for people who can't hold, a short press to start and another to
 * send.
 */

export const TAP_MS = 300;

export interface TalkListener {
  start: () => void;
  send: () => void;
}

export class TalkGesture {
  private mode: "idle" | "held" | "latched" | "sending" = "idle";
  private pressedAt = 0;

  constructor(private readonly listener: TalkListener) {}

  press(now: number): void {
    if (this.mode === "idle") {
      this.mode = "held";
      this.pressedAt = now;
      this.listener.start();
    } else if (this.mode === "latched") {
      this.mode = "sending";
      this.listener.send();
    }
  }

  release(now: number): void {
    if (this.mode === "sending") this.mode = "idle";
    if (this.mode !== "held") return;
    if (now - this.pressedAt < TAP_MS) {
      this.mode = "latched";
    } else {
      this.mode = "idle";
      this.listener.send();
    }
  }

  /** A click without a press: a screen reader or a switch device. */
  click(now: number): void {
    this.press(now);
    this.release(now);
  }

  /** Recording ended by other means. */
  reset(): void {
    this.mode = "idle";
  }
}
