/** Why the server does not serve this page: what it says itself, and what it cannot say. */

import { isTokenRefused } from "../client/reconnecting.js";
import { ownAddress } from "./own_address.js";
import type { Texts } from "./strings.js";

export interface Refusal {
  /** The server's word: `missing`, `expired`, `malformed`, ...; `origin` for a page of an origin that is not allowed. */
  readonly reason: string;
  readonly code: number | undefined;
}

/** Return the refusal that a close of the socket stands for, if any. The detail stands after a colon. */
export function refusalOf(code: number | undefined, reason = ""): Refusal | undefined {
  if (code === undefined || !isTokenRefused(code)) return undefined;
  const detail = reason.split(": ")[1] ?? "";
  return { reason: detail.toLowerCase() || "refused", code };
}

/** Return a sentence for users. */
export function refusalText({ reason, code }: Refusal, texts: Texts): string {
  if (reason === "missing") return texts.text("notSignedIn");
  if (reason === "expired") return texts.text("signInExpired");
  if (reason === "origin") return texts.text("originRefused");
  const words = reason === "refused" ? String(code) : reason.replaceAll("_", " ");
  return texts.text("signInRefused", { reason: words });
}

/** Return what a developer has to change. */
export function refusalHint({ reason, code }: Refusal): string {
  if (reason === "origin") return `Add ${location.origin} to ALLOWED_ORIGINS of the server.`;
  if (reason === "missing") return "Set “token” or “tokenProvider”, or sign in on the site of the server.";
  return `The server refused the token: ${code}, ${reason}.`;
}

/**
 * Find out whether the server refuses the origin of this page: browsers only say that the connection failed. A server that
 * can be reached, but not as CORS wants it, is one that does not allow the origin.
 */
export async function isOriginRefused(endpoint: string): Promise<boolean> {
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
    const isOfServer = ownAddress?.startsWith(`${url.origin}/`);
    const request = ownAddress && isOfServer ? fetch(ownAddress, asks) : fetch(url, { ...asks, mode: "no-cors" });
    return request.then(
      () => true,
      () => false,
    );
  }
}
