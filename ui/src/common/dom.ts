/** Typed access to the elements that a page's HTML promises, found by their data-testid. */

export function element<T extends HTMLElement>(testId: string, kind: new () => T): T {
  const found = document.querySelector(`[data-testid="${testId}"]`);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} "${testId}"`);
  return found;
}

/** Writes only what changed, so that a screen reader is not told the same again. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
