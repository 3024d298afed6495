/** The conversation as a list of lines, changed by key: a line told twice is shown once. */

import type { Line } from "./state";

/** More is of no use on the page, and sessionStorage is small. */
const MAX_LINES = 100;

/** The line replaces the one with its key, else follows the last line of its turn, else comes last. */
export function withLine(lines: readonly Line[], line: Line): readonly Line[] {
  const known = lines.findIndex((each) => each.key === line.key);
  if (known >= 0) return lines.with(known, line);
  const sibling = line.turn === null ? -1 : lines.findLastIndex((each) => each.turn === line.turn);
  return lines.toSpliced(sibling < 0 ? lines.length : sibling + 1, 0, line).slice(-MAX_LINES);
}

export function lineOf(lines: readonly Line[], key: string): Line | undefined {
  return lines.find((each) => each.key === key);
}

/** Answers that were growing grow no more: of turns that are over, or of all. */
export function closed(lines: readonly Line[], isOver: (turn: string) => boolean = () => true): readonly Line[] {
  const isClosed = ({ role, draft, turn }: Line) => role === "agent" && draft && turn !== null && isOver(turn);
  return lines.some(isClosed) ? lines.map((line) => (isClosed(line) ? { ...line, draft: false } : line)) : lines;
}

export function callerKey(turn: string): string {
  return `caller/${turn}`;
}

export function agentKey(turn: string): string {
  return `agent/${turn}`;
}

/** Key of a typed line until the server has made its turn. */
export function typedKey(utterance: string): string {
  return `typed/${utterance}`;
}

/** A typed line becomes the caller's line of the turn that the server made of it. */
export function adopted(lines: readonly Line[], utterance: string, turn: string): readonly Line[] {
  const typed = lines.findIndex((each) => each.key === typedKey(utterance));
  const line = lines[typed];
  return line ? lines.with(typed, { ...line, key: callerKey(turn), turn, draft: false }) : lines;
}
