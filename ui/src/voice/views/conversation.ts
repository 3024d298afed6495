/** Draws the conversation, always as text, and announces complete entries to screen readers. */

import { element, setText } from "../../common/dom";
import type { State, TranscriptEntry } from "../state";

const SPEAKER: Record<TranscriptEntry["role"], string> = { caller: "You", agent: "Convonet", notice: "" };

/** Announced entries that stay in the document for screen readers. */
const MAX_ANNOUNCED = 20;

/** A reader closer to the end than this follows new entries. */
const NEAR_END_PX = 80;

export function mountConversation(): (state: State) => void {
  const frame = element("log-frame", HTMLDivElement);
  const log = element("log", HTMLDivElement);
  const empty = element("empty", HTMLParagraphElement);
  const shown = new Map<string, HTMLElement>();
  let drawn: readonly TranscriptEntry[] = [];
  const keepAtEnd = followEnd(frame);
  const announce = announceTo(element("announcer", HTMLDivElement));

  return ({ transcript }) => {
    if (transcript === drawn) return;
    drawn = transcript;
    empty.hidden = transcript.length > 0;
    removeOthers(shown, transcript);
    transcript.forEach((entry, index) => {
      place(log, index, drawEntry(shown, entry));
    });
    keepAtEnd();
    announce(transcript);
  };
}

/** Announces each entry once it is complete, except entries from before the page load. */
function announceTo(announcer: HTMLElement): (transcript: readonly TranscriptEntry[]) => void {
  const known = new Map<string, string>();
  let isLoaded = false;
  return (transcript) => {
    for (const { key, role, text, draft } of transcript) {
      if (draft || known.get(key) === text) continue;
      known.set(key, text);
      if (isLoaded) tell(announcer, SPEAKER[role] ? `${SPEAKER[role]}: ${text}` : text);
    }
    isLoaded = true;
  };
}

function tell(announcer: HTMLElement, text: string): void {
  const told = document.createElement("p");
  told.textContent = text;
  announcer.append(told);
  if (announcer.children.length > MAX_ANNOUNCED) announcer.firstElementChild?.remove();
}

/** Keeps a reader at the end when entries are added or the frame shrinks, unless the reader has scrolled up. */
function followEnd(frame: HTMLElement): () => void {
  let readsAlong = true;
  const keepAtEnd = () => {
    if (readsAlong) frame.scrollTop = frame.scrollHeight;
  };
  frame.addEventListener("scroll", () => {
    readsAlong = frame.scrollHeight - frame.scrollTop - frame.clientHeight < NEAR_END_PX;
  });
  new ResizeObserver(keepAtEnd).observe(frame);
  return keepAtEnd;
}

/** Removes elements without an entry. A typed entry gets another key when its turn starts, and then a new element. */
function removeOthers(shown: Map<string, HTMLElement>, transcript: readonly TranscriptEntry[]): void {
  const wanted = new Set(transcript.map((entry) => entry.key));
  for (const [key, row] of shown) {
    if (wanted.has(key)) continue;
    row.remove();
    shown.delete(key);
  }
}

function drawEntry(shown: Map<string, HTMLElement>, entry: TranscriptEntry): HTMLElement {
  const row = shown.get(entry.key) ?? newRow(entry);
  shown.set(entry.key, row);
  row.dataset["draft"] = String(entry.draft);
  const text = row.lastElementChild;
  if (text instanceof HTMLElement) setText(text, entry.text);
  return row;
}

function newRow(entry: TranscriptEntry): HTMLElement {
  const row = document.createElement("div");
  row.className = "line";
  row.dataset["role"] = entry.role;
  if (SPEAKER[entry.role]) {
    const speaker = document.createElement("span");
    speaker.className = "speaker";
    speaker.textContent = SPEAKER[entry.role];
    row.append(speaker);
  }
  const text = document.createElement("p");
  text.className = "text";
  row.append(text);
  return row;
}

function place(log: HTMLElement, index: number, row: HTMLElement): void {
  const there = log.children.item(index);
  if (there !== row) log.insertBefore(row, there);
}
