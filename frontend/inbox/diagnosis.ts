/** What a developer learns of a page that the server does not serve. A part of its own, loaded when that happens. */

import type { Refusal } from "./refusal.js";

/** Return what a developer has to change. */
export function refusalHint({ reason, code }: Refusal): string {
  if (reason === "origin") return `Add ${location.origin} to ALLOWED_ORIGINS of the server.`;
  if (reason === "missing") return "Set “token” or “tokenProvider”, or sign in on the site of the server.";
  return `The server refused the token: ${code}, ${reason}.`;
}

/**
 * Find out whether the server refuses the origin of this page: browsers only say that the connection failed. A server that
 * can be reached, but not as CORS wants it, is one that does not allow the origin. `script` is the address of the component's.
 */
export async function isOriginRefused(endpoint: string, script: string | undefined): Promise<boolean> {
  const url = new URL(endpoint, document.baseURI);
  url.protocol = url.protocol.replace(/^ws/, "http");
  if (url.origin === location.origin) return false;
  const asks = { credentials: "omit", cache: "no-store" } as const;
  try {
    const body = JSON.stringify({ query: "{ __typename }" });
    await fetch(url, { ...asks, method: "POST", headers: { "Content-Type": "application/json" }, body });
    return false;
  } catch {
    // The component's script may be read from everywhere. A page with COEP may read nothing else without CORS.
    const isOfServer = script?.startsWith(`${url.origin}/`);
    const request = script && isOfServer ? fetch(script, asks) : fetch(url, { ...asks, mode: "no-cors" });
    return request.then(
      () => true,
      () => false,
    );
  }
}
