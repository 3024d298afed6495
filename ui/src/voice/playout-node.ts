/** Puts the playout into the page's audio: on the audio thread, or on the page's own where there is no other. */

import { Playout, type PlayoutCommand, type PlayoutReport } from "./playout";
import playoutWorkletUrl from "./playout-worklet.ts?worker&url";

export type SendToPlayout = (command: PlayoutCommand) => void;
type OnReport = (report: PlayoutReport) => void;

/** Samples asked for at once on the page's own thread: it must bridge what keeps the page busy, 43 ms at 48 kHz. */
const PAGE_QUANTUM = 2_048;

export async function openPlayout(
  context: AudioContext,
  destination: AudioNode,
  onReport: OnReport,
): Promise<SendToPlayout> {
  try {
    await context.audioWorklet.addModule(playoutWorkletUrl);
  } catch {
    // pages that were not served over TLS have no audio thread of their own
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
