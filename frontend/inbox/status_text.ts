/** The state of the connection, in words. */

import type { FollowStatus } from "../client/index.js";
import { refusalOf, refusalText } from "./refusal.js";
import type { Texts } from "./strings.js";

/** The server stops, and comes back. */
const RESTARTING = new Set([1001, 1012]);

export interface StatusText {
  text: string;
  /** Whether missed events have just been applied: shown with emphasis. */
  isCaughtUp: boolean;
}

export function statusText(status: FollowStatus, texts: Texts): StatusText {
  switch (status.state) {
    case "connecting":
      return { text: texts.text("connecting"), isCaughtUp: false };
    case "catching-up":
      return { text: texts.text("catchingUp"), isCaughtUp: false };
    case "reconnecting": {
      const why = reasonText(status.code, status.reason, texts).replace(/\.$/, "");
      return { text: texts.text("reconnecting", { why }), isCaughtUp: false };
    }
    case "live":
      if (status.reloaded) return { text: texts.text("reloaded"), isCaughtUp: true };
      if (status.resumed > 0) return { text: texts.count("caughtUp", status.resumed), isCaughtUp: true };
      return { text: texts.text("live"), isCaughtUp: false };
  }
}

function reasonText(code: number | undefined, reason: string | undefined, texts: Texts): string {
  const refusal = refusalOf(code, reason);
  if (refusal) return refusalText(refusal, texts);
  if (code !== undefined && RESTARTING.has(code)) return texts.text("serverRestarts");
  return (code === undefined && reason) || texts.text("connectionLost");
}
