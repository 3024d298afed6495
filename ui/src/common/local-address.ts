/** Addresses of this site, and this machine's own. */

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

/** Whether a page's host name, as `location` has it, is the machine itself: somebody is trying things out. */
export function isThisMachine(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/**
 * Returns a URL of this site, or the site's root if the given one leads elsewhere. The URL is absolute, because a path
 * alone may be read as another host: the path of `/.//evil.example` is `//evil.example`.
 */
export function localAddress(wanted: string | null, origin: string): string {
  const start = `${origin}/`;
  if (!wanted || !URL.canParse(wanted, origin)) return start;
  const url = new URL(wanted, origin);
  return url.origin === origin ? url.href : start;
}
