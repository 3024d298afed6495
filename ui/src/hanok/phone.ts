/** Phone numbers before they are sent: what is wrong with one, in words for the guest, and its bare form. */

/** As the server counts: a local number, and the longest one of E.164. */
const FEWEST = 7;
const MOST = 15;

/** Null when it looks like a phone number. */
export function phoneFault(text: string): string | null {
  const digits = text.replace(/\D/g, "").length;
  if (!text.trim()) return "Please leave a phone number, in case something changes.";
  if (!/^[\s(]*\+?[\d\s().-]*$/.test(text)) return "Please write the number in digits, like +1 415 555 0100.";
  if (digits < FEWEST) return "That number looks too short. Please add the area code.";
  if (digits > MOST) return "That number looks too long. Please check it.";
  return null;
}

/** Digits, and the + of a country code: all that the server compares. */
export const dialable = (text: string) => text.replace(/[^\d+]/g, "");
