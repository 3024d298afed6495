/** A fake of Web Audio that records its commands and computes the resulting loudness. */

interface Change {
  at: number;
  value: number;
  how: "set" | "ramp" | "target";
  timeConstant?: number;
}

class FakeParam {
  private changes: Change[] = [];

  constructor(
    private readonly clock: { currentTime: number },
    private readonly initial: number,
  ) {}

  set value(value: number) {
    this.setValueAtTime(value, this.clock.currentTime);
  }

  setValueAtTime(value: number, at: number): void {
    this.changes.push({ how: "set", value, at });
  }

  linearRampToValueAtTime(value: number, at: number): void {
    this.changes.push({ how: "ramp", value, at });
  }

  setTargetAtTime(value: number, at: number, timeConstant: number): void {
    this.changes.push({ how: "target", value, at, timeConstant });
  }

  cancelScheduledValues(from: number): void {
    this.changes = this.changes.filter(({ at }) => at < from);
  }

  /** The value at this time, following the specification of Web Audio. */
  at(time: number): number {
    let [value, since] = [this.initial, 0];
    for (const change of this.changes) {
      const share = (time - since) / (change.at - since);
      if (change.how === "ramp" && time < change.at) return value + (change.value - value) * share;
      if (time < change.at) return value;
      const decay = Math.exp((change.at - time) / (change.timeConstant ?? 1));
      value = change.how === "target" ? change.value + (value - change.value) * decay : change.value;
      since = change.at;
    }
    return value;
  }
}

export class FakeNode {
  readonly gain: FakeParam;
  readonly frequency: FakeParam;
  startedAt = Infinity;
  stoppedAt = Infinity;
  target: unknown = null;

  constructor(private readonly clock: { currentTime: number }) {
    this.gain = new FakeParam(clock, 1);
    this.frequency = new FakeParam(clock, 440);
  }

  connect(target: unknown): void {
    this.target = target;
  }

  start(): void {
    this.startedAt = this.clock.currentTime;
  }

  stop(at: number): void {
    this.stoppedAt = at;
  }
}

export class FakeAudio {
  currentTime = 10;
  readonly gains: FakeNode[] = [];
  readonly oscillators: FakeNode[] = [];
  readonly destination = {};

  get context(): AudioContext {
    return this as unknown as AudioContext;
  }

  createGain(): FakeNode {
    return this.made(this.gains);
  }

  createOscillator(): FakeNode {
    return this.made(this.oscillators);
  }

  /** The loudness at this time: the product of the gains to the speaker, or 0 if no oscillator runs. */
  loudness(time: number): number {
    const sounds = this.oscillators.some(({ startedAt, stoppedAt }) => startedAt <= time && time < stoppedAt);
    const last = this.gains.filter(({ target }) => target === this.destination);
    return sounds ? Math.max(...last.map(({ gain }) => gain.at(time))) : 0;
  }

  private made(into: FakeNode[]): FakeNode {
    const node = new FakeNode(this);
    into.push(node);
    return node;
  }
}
