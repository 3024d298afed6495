/** The restaurant's HTTP API; paths are relative to a page below /hanok/. */

import { api, ApiError } from "../common/api";

export type Status = "pending" | "confirmed" | "seated" | "completed" | "cancelled";

export interface Dish {
  id: string;
  name_en: string;
  name_ko: string;
  description_en: string;
  category: string;
  price_cents: number;
}

export interface Menu {
  items: Dish[];
  preorder_discount_percent: number;
}

export interface Slot {
  /** ISO 8601 with the restaurant's own offset. */
  starts_at: string;
  available: boolean;
  waiting: number;
}

export interface Availability {
  date: string;
  timezone: string;
  opens_at: string | null;
  closes_at: string | null;
  slots: Slot[];
}

export interface OrderLine {
  menu_item_id: string;
  quantity: number;
}

export interface Booking {
  guest_name: string;
  guest_phone: string;
  party_size: number;
  starts_at: string;
  special_requests: string | null;
  preorder: OrderLine[];
}

/** The data that a confirmation code alone gives access to. */
export interface ReservationStatus {
  confirmation_code: string;
  party_size: number;
  starts_at: string;
  status: Status;
  duration_minutes: number;
  seating_status: "not_applicable" | "allocated" | "waitlist";
  assistant_seating_opening_hint: string;
}

export interface Reservation extends ReservationStatus {
  id: number;
  guest_name: string;
  guest_phone: string;
  special_requests: string | null;
  preorder_items: { menu_item_id: string; name_en: string; quantity: number; line_total_cents: number }[];
  food_subtotal_cents: number;
  preorder_discount_cents: number;
  food_total_cents: number;
  source_channel: "online" | "voice" | "api";
  guest_priority: "normal" | "vip";
  tables_allocated: number[] | null;
}

export interface Changes {
  party_size?: number;
  starts_at?: string;
  special_requests?: string;
}

/** Changes that only the staff may make. */
export interface StaffChanges extends Changes {
  guest_name?: string;
  guest_phone?: string;
}

const ROOT = "api/reservations";
const byCode = (code: string) => `${ROOT}/by-code/${encodeURIComponent(code)}`;

export const getMenu = () => api<Menu>(`${ROOT}/menu/items`);

export const getAvailability = (date: string, party: number) =>
  api<Availability>(`${ROOT}/seating/availability?date=${date}&party_size=${String(party)}`);

export const book = (booking: Booking) => api<Reservation>(ROOT, { method: "POST", body: booking });

export const getStatus = (code: string) => api<ReservationStatus>(byCode(code));

export const open = (code: string, phone: string) =>
  api<Reservation>(`${byCode(code)}/details`, { method: "POST", body: { guest_phone: phone } });

export const change = (code: string, phone: string, changes: Changes) =>
  api<Reservation>(byCode(code), { method: "PATCH", body: { guest_phone: phone, ...changes } });

export const cancel = (code: string, phone: string, acknowledged: boolean) =>
  api<Reservation>(`${byCode(code)}/status`, {
    method: "PATCH",
    body: { guest_phone: phone, status: "cancelled", retention_offer_acknowledged: acknowledged },
  });

export interface Page {
  reservations: Reservation[];
  total: number;
}

const byId = (id: number) => `${ROOT}/${String(id)}`;

/** The book of one day, for the staff. */
export const getDay = (date: string, size = 100, page = 1) =>
  api<Page>(`${ROOT}?date=${date}&page_size=${String(size)}&page=${String(page)}`);

/** Number of reservations of a day that are not cancelled. */
export async function countDay(date: string): Promise<number> {
  const [all, cancelled] = await Promise.all([
    getDay(date, 1),
    api<Page>(`${ROOT}?date=${date}&page_size=1&status=cancelled`),
  ]);
  return all.total - cancelled.total;
}

export const setStatus = (id: number, status: Exclude<Status, "cancelled">) =>
  api<Reservation>(`${byId(id)}/status`, { method: "PATCH", body: { status } });

export const cancelByStaff = (id: number, acknowledged: boolean) =>
  api<Reservation>(`${byId(id)}/status`, {
    method: "PATCH",
    body: { status: "cancelled", retention_offer_acknowledged: acknowledged },
  });

export const setPriority = (id: number, priority: "normal" | "vip") =>
  api<Reservation>(`${byId(id)}/priority`, { method: "PATCH", body: { guest_priority: priority } });

export const amend = (id: number, changes: StaffChanges) =>
  api<Reservation>(byId(id), { method: "PATCH", body: changes });

/** The error message for the person at the page. */
export const sentenceOf = (failure: unknown) => (failure instanceof ApiError ? failure.message : String(failure));

/** Whether the server refused with this code; nothing was changed then. */
export const isRefusal = (failure: unknown, code: string): failure is ApiError =>
  failure instanceof ApiError && failure.code === code;
