/** Connects the playout to the page's audio: on the audio thread, or on the main thread if there is none. */

import { Playout, type PlayoutCommand, type PlayoutReport } from "./playout";
import playoutWorkletUrl from "./playout-worklet.ts?worker&url";

export type SendToPlayout = (command: PlayoutCommand) => void;
type OnReport = (report: PlayoutReport) => void;

/** Samples per callback on the main thread. They must bridge the time that the page is busy: 43 ms at 48 kHz. */
const PAGE_QUANTUM = 2_048;

export async function openPlayout(
  context: AudioContext,
  destination: AudioNode,
  onReport: OnReport,
): Promise<SendToPlayout> {
  try {
    await context.audioWorklet.addModule(playoutWorkletUrl);
  } catch {
    // pages served without TLS have no audio thread
    return openOnPage(context, destination, onReport);
  }
  const node = new AudioWorkletNode(context, "playout", { numberOfInputs: 0 });
  node.port.onmessage = ({ data }: MessageEvent<PlayoutReport>) => {
    onReport(data);
  };
  node.connect(destination);
  return (command) => {
    node.port.postMessage(command, command.type === "add" ? [command.samples.buffer] : []);
  };
}

function openOnPage(context: AudioContext, destination: AudioNode, onReport: OnReport): SendToPlayout {
  const playout = new Playout(context.sampleRate, onReport);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else makes sound sample by sample without TLS
  const node = context.createScriptProcessor(PAGE_QUANTUM, 0, 1);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- as above
  node.addEventListener("audioprocess", ({ outputBuffer }) => {
    playout.render(outputBuffer.getChannelData(0));
  });
  node.connect(destination);
  return (command) => {
    playout.execute(command);
  };
}
