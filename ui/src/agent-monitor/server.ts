/** The monitor's HTTP API. */

import { api } from "../common/api";
import type { Choices, TurnPage, TurnRecord } from "../protocol.generated";
import { toQuery, type Filters } from "./filters";

export const BASE = "/agent-monitor";
const PAGE_SIZE = 50;

/** Throws `ApiError`, as all of these. */
export function readTurns(filters: Filters, cursor: string | null): Promise<TurnPage> {
  const query = toQuery(filters);
  if (cursor !== null) query.set("cursor", cursor);
  query.set("limit", String(PAGE_SIZE));
  return api<TurnPage>(`${BASE}/api/turns?${query.toString()}`);
}

export function readTurn(requestId: string): Promise<TurnRecord> {
  return api<TurnRecord>(`${BASE}/api/turns/${encodeURIComponent(requestId)}`);
}

export function readChoices(): Promise<Choices> {
  return api<Choices>(`${BASE}/api/choices`);
}

/** URL to download the turns that match `filters`. */
export function exportAddress(kind: "csv" | "json", filters: Filters): string {
  const query = toQuery(filters).toString();
  return `${BASE}/api/export.${kind}${query ? `?${query}` : ""}`;
}
