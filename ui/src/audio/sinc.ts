/** Taps of a windowed sinc filter, from which samples between two samples are computed. */

/**
 * Returns 2 * `half` taps for an output sample `offset` input samples after the one at `half - 1`. `band` is the
 * passband, as a share of the input's band; with 1 and an offset of 0 the output is that input sample.
 */
export function sincTaps(half: number, offset: number, band: number): Float32Array {
  const taps = Float32Array.from({ length: 2 * half }, (_, tap) => {
    const distance = tap - (half - 1) - offset;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / half);
    return sinc(band * distance) * window;
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
