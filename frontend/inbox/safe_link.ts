/**
 * The address that a notification may lead to: a path on this site, or an http(s) address; null for anything
 * else. The server checks links as well; this holds for whatever server the component talks to.
 */
export function safeLink(link: string | null | undefined): string | null {
  // Browsers drop control characters and blanks, and read a backslash as a slash.
  if (!link || /[\u0000-\u0020\u007f\\]/.test(link)) return null;
  if (link.startsWith("/")) return link.startsWith("//") ? null : link;
  try {
    const { protocol, hostname } = new URL(link);
    return (protocol === "https:" || protocol === "http:") && hostname ? link : null;
  } catch {
    return null;
  }
}
