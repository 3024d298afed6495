/** Bytes to base64 and back, as the wire contract carries audio. */

const SPREAD_LIMIT = 0x8000; // arguments that every browser's call stack takes

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += SPREAD_LIMIT) {
    binary += String.fromCharCode(...bytes.subarray(start, start + SPREAD_LIMIT));
  }
  return btoa(binary);
}

/** Throws `DOMException` when `text` is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
