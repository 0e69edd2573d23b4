/**
 * Return the link if it is a path on this site or an http(s) address; null for anything else. The server
 * validates links as well; this check holds for any server that the component connects to.
 */
export function safeLink(link: string | null | undefined): string | null {
  // Browsers drop control characters and spaces, and read a backslash as a slash.
  if (!link || /[\u0000-\u0020\u007f\\]/.test(link)) return null;
  if (link.startsWith("/")) return link.startsWith("//") ? null : link;
  try {
    const { protocol, hostname } = new URL(link);
    return (protocol === "https:" || protocol === "http:") && hostname ? link : null;
  } catch {
    return null;
  }
}
