/** Reads a day and the week around it from the server. */

import { countDay, getDay } from "../hanok/api";
import { isDay, weekOf } from "../hanok/format";
import type { Book } from "./state";

const PAGE_SIZE = 100;

/** Throws `ApiError`. */
export async function readBook(day: string, pages: number): Promise<Book> {
  const numbers = Array.from({ length: pages }, (_, index) => index + 1);
  const read = await Promise.all(numbers.map((page) => getDay(day, PAGE_SIZE, page)));
  const days = weekOf(day).filter(isDay);
  const week = await Promise.all(days.map(async (each): Promise<[string, number]> => [each, await countDay(each)]));
  return { reservations: read.flatMap((page) => page.reservations), total: read[0]?.total ?? 0, week };
}
