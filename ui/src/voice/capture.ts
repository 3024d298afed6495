/**
 * Turns the microphone's stream into slices for the wire: WebM/Opus where the browser records it, else PCM16 at 16 kHz
 * (Safari before 18.4 records MP4 only, which the wire contract has no place for).
 */

import pcmWorkletUrl from "../audio/pcm-worklet.ts?worker&url";
import type { AudioFormat } from "./outbox";

export interface Capture {
  /** Resolves after the last slice was passed on. */
  stop: () => Promise<void>;
}

type OnSlice = (slice: Uint8Array) => void;

const WEBM = "audio/webm;codecs=opus";
const BITS_PER_SECOND = 32_000;
const SLICE_MS = 250;
const PCM_RATE = 16_000;

/** Returns null if this browser can record in neither format. */
export function captureFormat(): AudioFormat | null {
  if (typeof MediaRecorder !== "undefined" && MediaRecorder.isTypeSupported(WEBM)) return "webm";
  return typeof AudioWorkletNode !== "undefined" ? "pcm16" : null;
}

export function startCapture(format: AudioFormat, stream: MediaStream, onSlice: OnSlice): Promise<Capture> {
  return format === "webm" ? Promise.resolve(captureWebm(stream, onSlice)) : capturePcm(stream, onSlice);
}

function captureWebm(stream: MediaStream, onSlice: OnSlice): Capture {
  const recorder = new MediaRecorder(stream, { mimeType: WEBM, audioBitsPerSecond: BITS_PER_SECOND });
  // reading a slice is asynchronous: the chain keeps slices in order
  let handedOver = Promise.resolve();
  recorder.addEventListener("dataavailable", ({ data }) => {
    handedOver = handedOver.then(async () => {
      onSlice(new Uint8Array(await data.arrayBuffer()));
    });
  });
  const stopped = new Promise<void>((resolve) => {
    recorder.addEventListener("stop", () => {
      resolve();
    });
  });
  recorder.start(SLICE_MS);
  return {
    stop: async () => {
      if (recorder.state !== "inactive") recorder.stop(); // it stops by itself when the microphone is unplugged
      await stopped;
      await handedOver;
    },
  };
}

async function capturePcm(stream: MediaStream, onSlice: OnSlice): Promise<Capture> {
  const context = new AudioContext({ sampleRate: PCM_RATE });
  await context.audioWorklet.addModule(pcmWorkletUrl);
  const source = context.createMediaStreamSource(stream);
  const processorOptions = { sliceSamples: (PCM_RATE * SLICE_MS) / 1_000 };
  const worklet = new AudioWorkletNode(context, "pcm16", { numberOfOutputs: 0, processorOptions });
  const flushed = new Promise<void>((resolve) => {
    worklet.port.onmessage = ({ data }: MessageEvent<ArrayBuffer | "flushed">) => {
      if (data === "flushed") resolve();
      else onSlice(new Uint8Array(data));
    };
  });
  source.connect(worklet);
  return {
    stop: async () => {
      source.disconnect();
      worklet.port.postMessage("flush");
      await flushed;
      await context.close();
    },
  };
}
