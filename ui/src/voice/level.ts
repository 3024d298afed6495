/** The caller's input level for the meter, 0 (silence) to 1, once per animation frame. */

const FLOOR_DB = -55; // a quiet room
const CEILING_DB = -12; // loud speech close to the microphone

export class LevelMeter {
  private frame = 0;
  private source: MediaStreamAudioSourceNode | null = null;

  constructor(private readonly onLevel: (level: number) => void) {}

  start(context: AudioContext, stream: MediaStream): void {
    this.stop();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    this.source = context.createMediaStreamSource(stream);
    this.source.connect(analyser);
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

export function levelOf(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const decibels = 10 * Math.log10(power + 1e-12);
  return Math.max(0, Math.min(1, (decibels - FLOOR_DB) / (CEILING_DB - FLOOR_DB)));
}
