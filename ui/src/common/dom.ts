/** Typed access to the elements that a page's HTML promises, found by their data-testid. */

export function element<T extends HTMLElement>(testId: string, kind: new () => T): T {
  const found = document.querySelector(`[data-testid="${testId}"]`);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} "${testId}"`);
  return found;
}

/** Writes only changes, so that a screen reader does not repeat itself. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

type Child = Node | string | null;

/** A new element with attributes; `null` children are left out. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string | boolean> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "string") made.setAttribute(name, value);
    else made.toggleAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}
