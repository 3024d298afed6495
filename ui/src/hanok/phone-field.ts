/** A phone number field that shows faults next to it before anything is sent. */

import { setText } from "../common/dom";
import { dialable, phoneFault } from "./phone";

export class PhoneField {
  /** `fault` is the element that the input names with aria-describedby. */
  constructor(
    readonly input: HTMLInputElement,
    private readonly fault: HTMLElement,
    private readonly isOptional = false,
  ) {
    input.addEventListener("change", () => {
      if (!this.isEmpty) this.check();
    });
    input.addEventListener("input", () => {
      if (input.ariaInvalid) this.check();
    });
  }

  get isEmpty(): boolean {
    return !this.input.value.trim();
  }

  /** The number in the form that is sent. */
  get value(): string {
    return dialable(this.input.value);
  }

  /** Whether the number is valid; if not, shows why. */
  check(): boolean {
    const fault = this.isOptional && this.isEmpty ? null : phoneFault(this.input.value);
    this.say(fault);
    return fault === null;
  }

  /** Like `check`, and focuses the field if it is not valid. */
  insist(): boolean {
    const isGood = this.check();
    if (!isGood) this.input.focus();
    return isGood;
  }

  /** Sets another person's number and clears the fault. */
  set(number: string): void {
    this.input.value = number;
    this.say(null);
  }

  private say(fault: string | null): void {
    this.input.ariaInvalid = fault === null ? null : "true";
    setText(this.fault, fault ?? "");
  }
}
