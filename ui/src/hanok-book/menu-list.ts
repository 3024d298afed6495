/** The dishes with a quantity each, and what the order costs. */

import { make } from "../common/dom";
import type { Dish, Menu, OrderLine } from "../hanok/api";
import { money } from "../hanok/format";

const MOST = 99;

export class MenuList {
  private readonly quantities = new Map<string, HTMLInputElement>();
  private menu: Menu = { items: [], preorder_discount_percent: 0 };

  constructor(
    private readonly list: HTMLElement,
    private readonly onChange: () => void,
  ) {}

  show(menu: Menu): void {
    this.menu = menu;
    this.list.replaceChildren(...menu.items.map((dish) => this.row(dish)));
  }

  lines(): OrderLine[] {
    return this.menu.items
      .map(({ id }) => ({ menu_item_id: id, quantity: this.quantity(id) }))
      .filter(({ quantity }) => quantity > 0);
  }

  /** Computed like on the server: the discount is rounded to the cent. */
  total(): { dishes: number; cents: number } {
    const lines = this.menu.items.map((dish) => ({ dish, quantity: this.quantity(dish.id) }));
    const subtotal = lines.reduce((sum, { dish, quantity }) => sum + dish.price_cents * quantity, 0);
    const discount = Math.floor((subtotal * this.menu.preorder_discount_percent + 50) / 100);
    return { dishes: lines.reduce((sum, { quantity }) => sum + quantity, 0), cents: subtotal - discount };
  }

  private quantity(id: string): number {
    return Math.min(MOST, Math.max(0, Math.trunc(Number(this.quantities.get(id)?.value)) || 0));
  }

  private row(dish: Dish): HTMLElement {
    const input = make("input", {
      type: "number",
      inputmode: "numeric",
      min: "0",
      max: String(MOST),
      value: "0",
      "aria-label": `How many ${dish.name_en}`,
      "data-testid": `quantity-${dish.id}`,
    });
    input.addEventListener("input", this.onChange);
    this.quantities.set(dish.id, input);
    return make(
      "li",
      {},
      make(
        "div",
        {},
        make("p", { class: "dish-name" }, dish.name_en, make("span", { lang: "ko" }, dish.name_ko)),
        make("p", { class: "soft" }, `${dish.description_en} ${money(dish.price_cents)}`),
      ),
      make("div", { class: "stepper" }, this.step(dish, "−", -1, input), input, this.step(dish, "+", 1, input)),
    );
  }

  private step(dish: Dish, sign: string, by: number, input: HTMLInputElement): HTMLElement {
    const label = by > 0 ? `One more ${dish.name_en}` : `One ${dish.name_en} less`;
    const button = make("button", { type: "button", class: "quiet", "aria-label": label }, sign);
    button.addEventListener("click", () => {
      input.value = String(Math.min(MOST, Math.max(0, this.quantity(dish.id) + by)));
      this.onChange();
    });
    return button;
  }
}
