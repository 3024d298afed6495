/** Checks and cleans phone numbers before they are sent. */

/** Minimum and maximum number of digits, as on the server: a local number, and the longest of E.164. */
const FEWEST = 7;
const MOST = 15;

/** Returns the fault in words, or null if it looks like a phone number. */
export function phoneFault(text: string): string | null {
  const digits = text.replace(/\D/g, "").length;
  if (!text.trim()) return "Please leave a phone number, in case something changes.";
  if (!/^[\s(]*\+?[\d\s().-]*$/.test(text)) return "Please write the number in digits, like +1 415 555 0100.";
  if (digits < FEWEST) return "That number looks too short. Please add the area code.";
  if (digits > MOST) return "That number looks too long. Please check it.";
  return null;
}

/** The digits and the + of a country code, which is all that the server compares. */
export const dialable = (text: string) => text.replace(/[^\d+]/g, "");
