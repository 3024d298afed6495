/** Signs of life on an open socket: without an answer in time, the connection counts as lost. */

const INTERVAL_MS = 10_000;
const ANSWER_WITHIN_MS = 8_000;

export class Heartbeat {
  private interval: ReturnType<typeof setInterval> | undefined;
  private deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly beat: () => void,
    private readonly onSilence: () => void,
  ) {}

  start(): void {
    this.stop();
    this.interval = setInterval(() => {
      this.send();
    }, INTERVAL_MS);
  }

  answered(): void {
    clearTimeout(this.deadline);
    this.deadline = undefined;
  }

  stop(): void {
    clearInterval(this.interval);
    this.answered();
  }

  private send(): void {
    this.beat();
    this.deadline ??= setTimeout(this.onSilence, ANSWER_WITHIN_MS);
  }
}
