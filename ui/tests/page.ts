/** A page's own HTML in the document, for tests of what its views draw. */

export function open(html: string): void {
  // without the head, whose style sheets nobody serves here
  const page = new DOMParser().parseFromString(html.slice(html.indexOf("<body")), "text/html");
  document.body.replaceChildren(...page.body.children);
}

/** What a part of the page shows. */
export function textOf(testId: string): string {
  return part(testId).textContent;
}

export function part(testId: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(`[data-testid="${testId}"]`);
  if (!found) throw new Error(`the page has no "${testId}"`);
  return found;
}
