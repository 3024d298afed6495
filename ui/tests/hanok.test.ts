import { describe, expect, it } from "vitest";
import { summaryOf } from "../src/hanok-admin/summary";
import { INITIAL, reduce, type Book } from "../src/hanok-admin/state";
import type { Availability, Reservation, Slot, Status } from "../src/hanok/api";
import { isDay, today, weekOf } from "../src/hanok/format";
import { dialable, phoneFault } from "../src/hanok/phone";
import { hintFor, noteOn, slotsFor, type Stay } from "../src/hanok/slots";

describe("the restaurant's day", () => {
  it("is in its own time zone, wherever the reader is", () => {
    const evening = new Date("2026-12-02T04:00Z");
    expect(today("America/Los_Angeles", evening)).toBe("2026-12-01");
    expect(today("Asia/Seoul", evening)).toBe("2026-12-02");
  });

  it.each(["2026-12-01", "2028-02-29"])("%s is on the calendar", (text) => {
    expect(isDay(text)).toBe(true);
  });

  it.each(["", "foo", "2026-02-29", "2026-13-01", "0002-12-01", "2026-12-01T00:00", "2026-12-1"])(
    "%s is not",
    (text) => {
      expect(isDay(text)).toBe(false);
    },
  );

  it("lies in a week that begins on Monday", () => {
    expect(weekOf("2026-11-29").slice(0, 2)).toEqual(["2026-11-23", "2026-11-24"]);
    expect(weekOf("2026-11-23")[6]).toBe("2026-11-29");
  });
});

describe("a phone number", () => {
  it.each(["+1 415 555 0100", "(415) 555-0100", " 415.555.0100", "(+82) 2 555 0100", "5550100"])(
    "%s looks like one",
    (text) => {
      expect(phoneFault(text)).toBeNull();
    },
  );

  it.each([
    ["", "leave a phone number"],
    ["  ", "leave a phone number"],
    ["call me", "in digits"],
    ["415 555 0100 x2", "in digits"],
    ["415+5550100", "in digits"],
    ["555-010", "too short"],
    ["1234 5678 9012 3456", "too long"],
  ])("%s is none, and the guest is told why", (text, why) => {
    expect(phoneFault(text)).toContain(why);
  });

  it("is sent without formatting", () => {
    expect(dialable(" (+1) 415 - 555.0100 ")).toBe("+14155550100");
  });
});

const at = (clock: string, available = true): Slot => ({
  starts_at: `2026-12-04T${clock}:00-08:00`,
  available,
  waiting: 0,
});
const dayWith = (...slots: Slot[]): Availability => ({
  date: "2026-12-04",
  timezone: "America/Los_Angeles",
  opens_at: "2026-12-04T11:30:00-08:00",
  closes_at: "2026-12-04T23:00:00-08:00",
  slots,
});
const OWN: Stay = { starts_at: "2026-12-04T19:00:00-08:00", duration_minutes: 120, seating_status: "allocated" };
const notes = (own: Stay | null, ...slots: Slot[]) => slots.map((slot) => noteOn(slot, own));

describe("the times of a day", () => {
  it("are free or have a waitlist for a new guest", () => {
    expect(notes(null, at("19:00"), at("19:30", false))).toEqual([null, "Waitlist"]);
  });

  it("show guests with a reservation their own time, and promise or refuse only what is known", () => {
    const taken = [at("16:30", false), at("17:30", false), at("19:00", false), at("20:30", false), at("21:00", false)];
    expect(notes(OWN, ...taken)).toEqual(["Full", "May be full", "Yours", "May be full", "Full"]);
    expect(hintFor(dayWith(...taken), taken, OWN)).toContain("you keep the reservation");
  });

  it("have a waitlist for a guest who is already waiting", () => {
    const waiting: Stay = { ...OWN, seating_status: "waitlist" };
    expect(notes(waiting, at("19:00", false), at("19:30", false))).toEqual(["Yours", "Waitlist"]);
    expect(hintFor(dayWith(), [at("19:00", false)], waiting)).toContain("go on waiting");
  });

  it("contain the guest's own time even if it is not a half hour of the day", () => {
    const own: Stay = { ...OWN, starts_at: "2026-12-04T18:45:00-08:00" };
    const shown = slotsFor(dayWith(at("18:30"), at("19:00")), own);
    expect(shown.map(({ starts_at }) => starts_at.slice(11, 16))).toEqual(["18:30", "18:45", "19:00"]);
    expect(slotsFor({ ...dayWith(at("18:30")), date: "2026-12-05" }, own)).toHaveLength(1);
    expect(slotsFor(dayWith(at("18:30"), at("19:00")), OWN)).toHaveLength(2);
  });

  it("say why there are none", () => {
    expect(hintFor({ ...dayWith(), opens_at: null }, [], null)).toContain("closed on Friday");
    expect(hintFor(dayWith(), [], null)).toContain("no time left");
  });
});

const NOW = Date.parse("2026-12-05T04:00Z"); // 20:00 at the restaurant
const party = (party_size: number, status: Status, clock = "21:00", seating_status = "allocated") =>
  ({ party_size, status, seating_status, starts_at: at(clock).starts_at, duration_minutes: 120 }) as Reservation;

describe("the line above a day", () => {
  it("counts as expected only guests who may still come", () => {
    const day = [
      party(2, "confirmed"),
      party(3, "pending"),
      party(4, "seated", "19:00"),
      party(5, "completed", "17:00"),
      party(6, "cancelled"),
      party(7, "confirmed", "12:00"),
      party(8, "pending", "21:00", "waitlist"),
    ];
    expect(summaryOf(day, 7, NOW)).toBe("6 reservations · 5 guests to come · 4 guests here · 1 on the waitlist");
  });

  it("says that nobody is expected when all have cancelled", () => {
    expect(summaryOf([party(2, "cancelled")], 1, NOW)).toBe("No reservations on this day.");
    expect(summaryOf([], 0, NOW)).toBe("No reservations on this day.");
  });

  it("says when it does not know all entries", () => {
    expect(summaryOf([party(1, "confirmed")], 101, NOW)).toBe(
      "1 reservation · 1 guest to come · the first 1 of 101 entries",
    );
  });
});

describe("the day that the staff looks at", () => {
  const BOOK: Book = { reservations: [], total: 0, week: [] };
  const shown = reduce({ ...INITIAL, pages: 3, book: BOOK }, { type: "day", day: "2026-12-04" });

  it("changes only to valid dates", () => {
    expect(shown).toMatchObject({ day: "2026-12-04", pages: 1, book: null });
    expect(reduce(shown, { type: "day", day: "" })).toBe(shown);
    expect(reduce(shown, { type: "day", day: "foo" })).toBe(shown);
  });

  it("never shows the book of another one", () => {
    expect(reduce(shown, { type: "read", day: "2026-12-03", book: BOOK })).toBe(shown);
    expect(reduce(shown, { type: "read", day: "2026-12-04", book: BOOK }).book).toBe(BOOK);
  });

  it("keeps its book when a refresh fails", () => {
    const read = reduce(shown, { type: "read", day: "2026-12-04", book: BOOK });
    expect(reduce(read, { type: "failed", why: "Away." })).toMatchObject({ book: BOOK, error: "Away." });
    expect(reduce({ ...read, error: "Away." }, { type: "read", day: "2026-12-04", book: BOOK }).error).toBe("");
  });
});
