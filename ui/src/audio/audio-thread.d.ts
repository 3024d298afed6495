/** The audio thread's globals, which TypeScript's DOM library does not have. */

interface AudioWorkletProcessorBase {
  readonly port: MessagePort;
}

declare const AudioWorkletProcessor: new () => AudioWorkletProcessorBase;

/** Samples per second. */
declare const sampleRate: number;

declare function registerProcessor(name: string, processor: new (node: never) => AudioWorkletProcessorBase): void;
