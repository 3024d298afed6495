/** What the page knows about a direct call and the server does not, in this tab: a reload in mid-talk needs it. */

const KEY = "convonet.desk.talk";

interface Remembered {
  transfer: string;
  muted: boolean;
}

export function rememberTalk(remembered: Remembered): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(remembered));
  } catch {
    // storage is full or forbidden: only a reload notices
  }
}

export function rememberedTalk(transfer: string): Remembered {
  try {
    const remembered = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Remembered | null;
    if (remembered?.transfer === transfer) return remembered;
  } catch {
    // storage is forbidden
  }
  return { transfer, muted: false };
}
