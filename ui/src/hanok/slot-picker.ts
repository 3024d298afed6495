/** Lets a guest choose one of the half hours of a day; asks the server anew whenever day or party changes. */

import { ApiError } from "../common/api";
import { make, setText } from "../common/dom";
import { getAvailability, type Slot } from "./api";
import { dayName, timeOf } from "./format";

export class SlotPicker {
  private asked = 0;
  private slots: Slot[] = [];

  constructor(
    private readonly group: HTMLElement,
    private readonly hint: HTMLElement,
    private readonly onChange: () => void,
  ) {}

  /** The chosen half hour; null when none is. */
  get chosen(): Slot | null {
    const checked = this.group.querySelector<HTMLInputElement>("input:checked");
    return this.slots.find(({ starts_at }) => starts_at === checked?.value) ?? null;
  }

  /** `time`, like `18:30`, is chosen if it is there; without it, the time that was chosen before. */
  async load(date: string, party: number, time?: string): Promise<void> {
    const number = ++this.asked;
    const before = time ?? this.chosen?.starts_at.slice(11, 16);
    setText(this.hint, "Looking for tables…");
    try {
      const day = await getAvailability(date, party);
      if (number !== this.asked) return; // a newer question is on its way
      this.slots = day.slots;
      this.group.replaceChildren(...day.slots.map((slot) => this.option(slot, before)));
      setText(this.hint, hintFor(date, day.opens_at !== null, day.slots));
    } catch (error) {
      if (number !== this.asked) return;
      this.slots = [];
      this.group.replaceChildren();
      setText(this.hint, error instanceof ApiError ? error.message : String(error));
    }
    this.onChange();
  }

  focus(): void {
    this.group.querySelector("input")?.focus();
  }

  private option(slot: Slot, before: string | undefined): HTMLElement {
    const input = make("input", {
      type: "radio",
      name: "slot",
      value: slot.starts_at,
      checked: slot.starts_at.slice(11, 16) === before,
    });
    input.addEventListener("change", this.onChange);
    const note = slot.available ? null : make("small", {}, "Waitlist");
    return make("label", { class: "slot" }, input, make("span", {}, timeOf(slot.starts_at)), note);
  }
}

function hintFor(date: string, isOpen: boolean, slots: Slot[]): string {
  if (!isOpen) return `We are closed on ${dayName(date)}. Please choose another day.`;
  if (slots.length === 0) return "There is no time left on that day. Please choose another one.";
  if (!slots.some(({ available }) => available)) return "All tables are taken; you can join the waitlist.";
  return "";
}
