/** The level of audio for a meter, 0 (silence) to 1: of a node once per animation frame, or of a slice. */

const FLOOR_DB = -55; // a quiet room
const CEILING_DB = -12; // loud speech close to the microphone

export class LevelMeter {
  private frame = 0;
  private source: AudioNode | null = null;

  constructor(private readonly onLevel: (level: number) => void) {}

  /** `source` is disconnected from everything when the meter stops. */
  start(source: AudioNode): void {
    this.stop();
    const analyser = source.context.createAnalyser();
    analyser.fftSize = 1024;
    this.source = source;
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const draw = () => {
      analyser.getFloatTimeDomainData(samples);
      this.onLevel(levelOf(samples));
      this.frame = requestAnimationFrame(draw);
    };
    draw();
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    this.source?.disconnect();
    this.source = null;
    this.onLevel(0);
  }
}

/** `fullScale` is the amplitude of the loudest sample. */
export function levelOf(samples: Float32Array | Int16Array, fullScale = 1): number {
  if (samples.length === 0) return 0;
  let power = 0;
  for (const sample of samples) power += (sample / fullScale) ** 2 / samples.length;
  const decibels = 10 * Math.log10(power + 1e-12);
  return Math.max(0, Math.min(1, (decibels - FLOOR_DB) / (CEILING_DB - FLOOR_DB)));
}
