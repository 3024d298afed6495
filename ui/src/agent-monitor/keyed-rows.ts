/** Rows patched by key: created once, redrawn when their item changes, moved only if their position changes. */

export interface Row<Item> {
  root: HTMLElement;
  draw: (item: Item) => void;
}

export class KeyedRows<Item, Kind extends Row<Item> = Row<Item>> {
  private readonly rows = new Map<string, { row: Kind; drawn: Item }>();

  constructor(
    private readonly parent: HTMLElement,
    private readonly keyOf: (item: Item) => string,
    private readonly makeRow: (item: Item) => Kind,
  ) {}

  show(items: readonly Item[]): void {
    this.drop(items);
    let next = this.parent.firstElementChild;
    for (const item of items) {
      const { root } = this.rowOf(item);
      if (root === next) next = next.nextElementSibling;
      else this.parent.insertBefore(root, next);
    }
  }

  get(key: string): Kind | undefined {
    return this.rows.get(key)?.row;
  }

  all(): Kind[] {
    return [...this.rows.values()].map(({ row }) => row);
  }

  private drop(items: readonly Item[]): void {
    const kept = new Set(items.map(this.keyOf));
    for (const [key, { row }] of this.rows) {
      if (kept.has(key)) continue;
      row.root.remove();
      this.rows.delete(key);
    }
  }

  private rowOf(item: Item): Kind {
    const key = this.keyOf(item);
    const known = this.rows.get(key);
    if (known === undefined) {
      const row = this.makeRow(item);
      row.draw(item);
      this.rows.set(key, { row, drawn: item });
      return row;
    }
    if (known.drawn !== item) {
      known.row.draw(item);
      known.drawn = item;
    }
    return known.row;
  }
}
