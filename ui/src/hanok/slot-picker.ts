/** Lets a guest choose a half hour of a day; reloads whenever day or party changes. */

import { make, setText } from "../common/dom";
import { getAvailability, sentenceOf, type Slot } from "./api";
import { timeOf } from "./format";
import { hintFor, noteOn, slotsFor, type Stay } from "./slots";

export class SlotPicker {
  /** Resolves when the times for the latest day and party are shown. */
  ready: Promise<void> = Promise.resolve();
  private asked = 0;
  private slots: Slot[] = [];

  constructor(
    private readonly group: HTMLElement,
    private readonly hint: HTMLElement,
    private readonly onChange: () => void,
  ) {}

  /** The chosen half hour, or null. */
  get chosen(): Slot | null {
    const checked = this.group.querySelector<HTMLInputElement>("input:checked");
    return this.slots.find(({ starts_at }) => starts_at === checked?.value) ?? null;
  }

  /** Shows why there is nothing to choose from. */
  clear(why: string): void {
    this.asked++;
    this.show([], null, undefined, why);
  }

  /**
   * Selects the previously chosen time if it is still available. With `own`, the reservation that is being moved, that
   * is its own time at first.
   */
  load(date: string, party: number, own: Stay | null = null): Promise<void> {
    this.ready = this.ask(date, party, own);
    return this.ready;
  }

  focus(): void {
    this.group.querySelector("input")?.focus();
  }

  private async ask(date: string, party: number, own: Stay | null): Promise<void> {
    const number = ++this.asked;
    setText(this.hint, "Looking for tables…");
    try {
      const day = await getAvailability(date, party);
      if (number !== this.asked) return; // there is a newer request
      const slots = slotsFor(day, own);
      this.show(slots, own, (this.chosen ?? own)?.starts_at.slice(11, 16), hintFor(day, slots, own));
    } catch (failure) {
      if (number === this.asked) this.show([], null, undefined, sentenceOf(failure));
    }
  }

  private show(slots: Slot[], own: Stay | null, time: string | undefined, hint: string): void {
    this.slots = slots;
    this.group.replaceChildren(...slots.map((slot) => this.option(slot, own, time)));
    setText(this.hint, hint);
    this.onChange();
  }

  private option(slot: Slot, own: Stay | null, time: string | undefined): HTMLElement {
    const input = make("input", {
      type: "radio",
      name: "slot",
      value: slot.starts_at,
      checked: slot.starts_at.slice(11, 16) === time,
    });
    input.addEventListener("change", this.onChange);
    const note = noteOn(slot, own);
    return make(
      "label",
      { class: "slot" },
      input,
      make("span", {}, timeOf(slot.starts_at)),
      note && make("small", {}, note),
    );
  }
}
