/** A path of this site, or the site's start: what a link says must not lead a person elsewhere. */
export function localPath(wanted: string | null): string {
  if (!wanted) return "/";
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : "/";
}
