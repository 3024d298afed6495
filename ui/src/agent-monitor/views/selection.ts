/** Selects a row of a list by click or keyboard. The whole list is one tab stop. */

/**
 * `onChoose` gets the row's data-session. Returns a function to call after the rows have changed, which keeps the list
 * reachable by keyboard.
 */
export function mountSelection(list: HTMLElement, onChoose: (sessionId: string) => void): () => void {
  let stop: HTMLElement | null = null;
  const stopAt = (button: HTMLElement | null) => {
    if (button === stop) return;
    if (stop) stop.tabIndex = -1;
    if (button) button.tabIndex = 0;
    stop = button;
  };
  list.addEventListener("click", ({ target }) => {
    const row = target instanceof Element ? target.closest<HTMLElement>("[data-session]") : null;
    if (row?.dataset["session"]) onChoose(row.dataset["session"]);
  });
  list.addEventListener("focusin", ({ target }) => {
    if (target instanceof HTMLButtonElement) stopAt(target);
  });
  list.addEventListener("keydown", (event) => {
    const next = neighbor(list, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  return () => {
    if (!stop?.isConnected) stopAt(list.querySelector("button"));
  };
}

function neighbor(list: HTMLElement, key: string): HTMLElement | undefined {
  const all = [...list.querySelectorAll("button")];
  const at = all.findIndex((button) => button === document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[key];
  return to === undefined ? undefined : all[to];
}
