/** Limits how often views are drawn. */

/** Returns a function that calls `draw` once in the next frame; a hidden tab has no frames. */
export function perFrame(draw: () => void): () => void {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
    });
  };
}

/** Returns a function that calls `draw` at once and then at most every `ms`; the last call is never skipped. */
export function atMostEvery<Value>(ms: number, draw: (value: Value) => void): (value: Value) => void {
  let waiting: { value: Value } | null = null;
  let isResting = false;
  const run = (value: Value) => {
    isResting = true;
    draw(value);
    setTimeout(() => {
      isResting = false;
      const next = waiting;
      waiting = null;
      if (next) run(next.value);
    }, ms);
  };
  return (value) => {
    if (isResting) waiting = { value };
    else run(value);
  };
}
