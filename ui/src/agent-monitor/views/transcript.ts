/** The transcript of the watched call, live. It follows the newest words unless the reader has scrolled up. */

import { element, make, setText } from "../../common/dom";
import type { LiveLine } from "../../protocol.generated";
import { sessionAddress } from "../address";
import { KeyedRows, type Row } from "../keyed-rows";
import type { Watched } from "../live-state";
import type { State } from "../state";
import { moment, nameOf } from "../words";

/** Distance from the end, in pixels, within which a reader follows new words. */
const NEAR_END = 24;

export function mountTranscript(onClose: () => void): (state: State) => void {
  const log = element("lines", HTMLElement);
  const rows = new KeyedRows<LiveLine>(element("line-list", HTMLElement), ({ number }) => String(number), lineRow);
  const drawAround = mountAround(onClose);
  const follow = mountFollowing(log);
  let drawn: Watched | null = null;
  return ({ section, live: { watched } }) => {
    if (section !== "now" || watched === drawn) return;
    const isOther = watched?.sessionId !== drawn?.sessionId;
    const isNew = watched?.lines !== drawn?.lines;
    drawn = watched;
    drawAround(watched);
    if (isOther) rows.show([]);
    if (!isNew && !isOther) return;
    log.hidden = !watched?.lines?.size;
    rows.show([...(watched?.lines?.values() ?? [])].sort((a, b) => a.number - b.number));
    follow(isOther);
  };
}

function lineRow({ who, at }: LiveLine): Row<LiveLine> {
  const words = make("p");
  const time = make("time", { class: "soft", datetime: new Date(at * 1_000).toISOString() }, moment(at));
  const root = make("li", { "data-who": who }, make("b", {}, nameOf(who)), time, words);
  return {
    root,
    draw: ({ text, failed, open }) => {
      setText(words, failed ? `Failed: ${text}` : text);
      root.toggleAttribute("data-failed", failed);
      root.toggleAttribute("data-open", open);
      // an entry that still grows is read aloud once it is complete
      root.ariaBusy = String(open);
    },
  };
}

function mountAround(onClose: () => void): (watched: Watched | null) => void {
  const title = element("transcript-title", HTMLElement);
  const note = element("transcript-note", HTMLElement);
  const close = element("unwatch", HTMLButtonElement);
  const links = element("transcript-links", HTMLElement);
  const turns = element("call-turns", HTMLAnchorElement);
  close.addEventListener("click", onClose);
  return (watched) => {
    setText(title, watched?.call ? watched.call.user_name || "Somebody" : "Transcript");
    setText(note, noteOf(watched));
    close.hidden = links.hidden = watched === null;
    if (watched === null) return;
    turns.href = sessionAddress(watched.sessionId);
  };
}

function noteOf(watched: Watched | null): string {
  if (watched === null) return "Choose a call to follow its words as they are said.";
  if (watched.ended) return "This call is over.";
  if (watched.lines === null) return "Opening…";
  return watched.lines.size === 0 ? "Nothing has been said yet." : "";
}

function mountFollowing(list: HTMLElement): (anew: boolean) => void {
  const toEnd = element("to-end", HTMLButtonElement);
  let isFollowing = true;
  const goToEnd = () => {
    list.scrollTop = list.scrollHeight;
  };
  list.addEventListener(
    "scroll",
    () => {
      isFollowing = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END;
      if (isFollowing) toEnd.hidden = true;
    },
    { passive: true },
  );
  toEnd.addEventListener("click", () => {
    goToEnd();
    list.focus();
  });
  return (anew) => {
    if (anew) isFollowing = true;
    if (isFollowing) goToEnd();
    toEnd.hidden = isFollowing;
  };
}
