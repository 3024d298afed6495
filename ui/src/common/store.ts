/** The state of a page, in one store. Views subscribe and draw it. */

export type Reducer<State, Action> = (state: State, action: Action) => State;

export class Store<State, Action> {
  private readonly listeners = new Set<(state: State) => void>();
  private current: State;

  constructor(
    private readonly reduce: Reducer<State, Action>,
    initial: State,
  ) {
    this.current = initial;
  }

  get state(): State {
    return this.current;
  }

  dispatch(action: Action): void {
    const next = this.reduce(this.current, action);
    if (next === this.current) return;
    this.current = next;
    for (const listener of this.listeners) listener(next);
  }

  /** Calls `listener` now and after each change. */
  subscribe(listener: (state: State) => void): void {
    this.listeners.add(listener);
    listener(this.current);
  }
}
