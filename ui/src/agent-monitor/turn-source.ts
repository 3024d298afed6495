/** Loads pages of turns, single turns and filter choices. Results come back as actions. */

import { ApiError } from "../common/api";
import type { Store } from "../common/store";
import { readChoices, readTurn, readTurns } from "./server";
import type { Action, State } from "./state";

export class TurnSource {
  private asked = 0;
  private open: string | null = null;
  private wasOk = true;
  private isStale = false;

  constructor(
    private readonly store: Store<State, Action>,
    private readonly onLoggedOut: () => void,
  ) {
    store.subscribe((state) => {
      this.look(state);
    });
  }

  private look(state: State): void {
    const { section, turns } = state;
    if (turns.open !== this.open) {
      this.open = turns.open;
      if (turns.open !== null) void this.readTurn(turns.open);
    }
    this.noteReturn(state);
    if (section !== "turns") return;
    if (turns.asked !== this.asked) void this.readPage(state);
    else if (turns.asked === 0) this.again();
    else if (this.isStale && turns.cursor === null) this.again();
  }

  /** Reloads after a store was down or still loading, or the connection was lost. */
  private noteReturn({ live: { connected, now } }: State): void {
    if (now === null) return;
    const isOk = connected === true && now.stores.every(({ state }) => state === "ok");
    if (isOk && !this.wasOk) this.isStale = true;
    this.wasOk = isOk;
  }

  private again(): void {
    this.isStale = false;
    this.store.dispatch({ type: "newest" });
  }

  private async readPage({ turns: { asked, filters, cursor } }: State): Promise<void> {
    this.asked = asked;
    try {
      const page = await readTurns(filters, cursor);
      this.store.dispatch({ type: "page", asked, page });
      // there may be new values since
      const { choices } = this.store.state.turns;
      if (choices === null || cursor === null) this.store.dispatch({ type: "choices", choices: await readChoices() });
    } catch (failure) {
      this.store.dispatch({ type: "page_failed", asked, why: this.whyOf(failure) });
    }
  }

  private async readTurn(requestId: string): Promise<void> {
    try {
      const record = await readTurn(requestId);
      this.store.dispatch({ type: "detail", record });
    } catch (failure) {
      this.store.dispatch({ type: "detail_failed", requestId, why: this.whyOf(failure) });
    }
  }

  private whyOf(failure: unknown): string {
    if (!(failure instanceof ApiError)) throw failure;
    if (failure.status === 401) this.onLoggedOut();
    return failure.message;
  }
}
