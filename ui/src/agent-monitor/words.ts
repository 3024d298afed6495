/** Display names for the names of the wire contract. An unknown name is shown with spaces and a capital letter. */

import type { PartView } from "../protocol.generated";

const NAMES: Record<string, string> = {
  // domains
  todo: "To-dos",
  hanok_table: "Hanok Table",
  // states of a call
  waiting: "Waiting",
  with_human: "With a human",
  away: "Connection lost",
  // speakers
  agent: "Convonet",
  notice: "Notice",
  // sources
  api: "API",
  transfer: "Hand-over",
  // providers
  openai: "OpenAI",
  vllm: "vLLM",
  ollama: "Ollama",
  llamacpp: "llama.cpp",
  none: "None",
  // stores
  redis: "Redis",
  postgresql: "PostgreSQL",
  embedded: "Embedded",
  // desks, hand-overs
  on_call: "On a call",
  wrap_up: "After a call",
  whisper: "Whisper",
};

export function nameOf(name: string): string {
  return NAMES[name] ?? inWords(name);
}

const COMPONENTS: Record<PartView["part"], string> = {
  voice: "Voice gateway",
  agent: "Agent router",
  speech: "Speech",
  tools: "Tools (MCP)",
  call_center: "Call center",
  hanok: "Hanok Table",
  crm: "CRM",
  monitor: "Monitor",
};

export function componentName(part: PartView["part"]): string {
  return COMPONENTS[part];
}

/** `loop_lag` as "Loop lag". */
export function inWords(name: string): string {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A count with its noun: "1 call", "2 calls". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const finest = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

export function number(value: number): string {
  return whole.format(value);
}

/** Formats milliseconds: "840 ms", "2.4 s", "3:05 min". */
export function milliseconds(ms: number): string {
  if (Math.abs(ms) < 1) return ms === 0 ? "0 ms" : `${finest.format(ms)} ms`;
  if (Math.abs(ms) < 1_000) return `${whole.format(ms)} ms`;
  return ms < 60_000 ? `${fine.format(ms / 1_000)} s` : `${clock(ms / 1_000)} min`;
}

/** Formats seconds as a clock: "3:05", "1:02:05". */
export function clock(seconds: number): string {
  const all = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(all / 60);
  if (minutes < 60) return `${String(minutes)}:${two(all % 60)}`;
  return `${String(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(all % 60)}`;
}

export function share(part: number, all: number): string {
  return all === 0 ? "0 %" : `${fine.format((100 * part) / all)} %`;
}

/** Formats an amount; below 1, to the hundredth of a cent. */
export function money(amount: number, currency: string): string {
  const maximumFractionDigits = amount < 1 ? 4 : 2;
  return new Intl.NumberFormat(undefined, { style: "currency", currency, maximumFractionDigits }).format(amount);
}

/** Formats Unix seconds as time of day in the reader's time zone. */
export function timeOfDay(at: number): string {
  return new Date(at * 1_000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** Formats `YYYY-MM-DD` as a full date. */
export function dayName(day: string): string {
  return new Date(`${day}T00:00Z`).toLocaleDateString(undefined, { dateStyle: "full", timeZone: "UTC" });
}

/** Formats Unix seconds as a time with seconds, and with the day if that is not today. */
export function moment(at: number): string {
  const date = new Date(at * 1_000);
  const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
  const time = date.toLocaleTimeString(undefined, parts);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? time : `${date.toLocaleDateString(undefined, { day: "numeric", month: "short" })}, ${time}`;
}

const UNITS: [ending: string, write: (value: number) => string][] = [
  ["_ms", milliseconds],
  ["_s", (value) => milliseconds(value * 1_000)],
  ["_bytes", (value) => `${fine.format(value / 1_048_576)} MB`],
  ["_mb", (value) => `${fine.format(value)} MB`],
  ["_percent", (value) => `${fine.format(value)} %`],
];

/** Formats a component's gauge, whose name ends in its unit. */
export function gauge(name: string, value: number): { name: string; value: string } {
  const unit = UNITS.find(([ending]) => name.endsWith(ending));
  if (!unit) return { name: inWords(name).toLowerCase(), value: fine.format(value) };
  return { name: inWords(name.slice(0, -unit[0].length)).toLowerCase(), value: unit[1](value) };
}
