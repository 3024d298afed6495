/** A page's own HTML in the document, for tests of what its views draw. */

export function open(html: string): void {
  // without the head, because no server provides its style sheets
  const page = new DOMParser().parseFromString(html.slice(html.indexOf("<body")), "text/html");
  document.body.replaceChildren(...page.body.children);
}

/** The text of an element. */
export function textOf(testId: string): string {
  return part(testId).textContent;
}

export function part(testId: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(`[data-testid="${testId}"]`);
  if (!found) throw new Error(`the page has no "${testId}"`);
  return found;
}
