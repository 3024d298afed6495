/** The conversation: one element per line, changed in place, always as text; told to screen readers once it is complete. */

import { element, setText } from "../../common/dom";
import type { Line, State } from "../state";

const SPEAKER: Record<Line["role"], string> = { caller: "You", agent: "Convonet", notice: "" };

/** Lines that stay where a screen reader finds what it was told. */
const MAX_ANNOUNCED = 20;

/** Closer to the end than this counts as reading along. */
const NEAR_END_PX = 80;

export function mountConversation(): (state: State) => void {
  const frame = element("log-frame", HTMLDivElement);
  const log = element("log", HTMLDivElement);
  const empty = element("empty", HTMLParagraphElement);
  const shown = new Map<string, HTMLElement>();
  let drawn: readonly Line[] = [];
  const keepAtEnd = followEnd(frame);
  const announce = announceTo(element("announcer", HTMLDivElement));

  return ({ lines }) => {
    if (lines === drawn) return;
    drawn = lines;
    empty.hidden = lines.length > 0;
    removeOthers(shown, lines);
    lines.forEach((line, index) => {
      place(log, index, drawLine(shown, line));
    });
    keepAtEnd();
    announce(lines);
  };
}

/** Each line once it is complete, but not what was there when the page was loaded. */
function announceTo(announcer: HTMLElement): (lines: readonly Line[]) => void {
  const known = new Map<string, string>();
  let isLoaded = false;
  return (lines) => {
    for (const { key, role, text, draft } of lines) {
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

/** Whoever reads along stays at the end when lines come or the frame shrinks; whoever reads above is left alone. */
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

/** A typed line gets another key when the server has made its turn: the element at its place is then made anew. */
function removeOthers(shown: Map<string, HTMLElement>, lines: readonly Line[]): void {
  const wanted = new Set(lines.map((line) => line.key));
  for (const [key, row] of shown) {
    if (wanted.has(key)) continue;
    row.remove();
    shown.delete(key);
  }
}

function drawLine(shown: Map<string, HTMLElement>, line: Line): HTMLElement {
  const row = shown.get(line.key) ?? newRow(line);
  shown.set(line.key, row);
  row.dataset["draft"] = String(line.draft);
  const text = row.lastElementChild;
  if (text instanceof HTMLElement) setText(text, line.text);
  return row;
}

function newRow(line: Line): HTMLElement {
  const row = document.createElement("div");
  row.className = "line";
  row.dataset["role"] = line.role;
  if (SPEAKER[line.role]) {
    const speaker = document.createElement("span");
    speaker.className = "speaker";
    speaker.textContent = SPEAKER[line.role];
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
