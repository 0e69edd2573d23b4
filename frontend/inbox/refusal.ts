/** Why the server does not serve this page, as it says itself. */

import { isTokenRefused } from "../client/reconnecting.js";
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
  // By an administrator, who wants this device to come back: its token is good.
  if (detail === "disconnected") return undefined;
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
