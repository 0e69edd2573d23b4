/** How the connection stands, in words. */

import type { FollowStatus } from "../client/index.js";

/** Why the server closes, by close code; other closes are "the connection was lost". */
const REASONS: Record<number, string> = {
  1012: "The server is restarting",
  1001: "The server is going away",
  4401: "The sign-in was not accepted",
  4403: "The sign-in has expired",
};

export interface Words {
  text: string;
  /** Whether it is worth a glance: something was caught up. */
  isNews: boolean;
}

export function statusWords(status: FollowStatus): Words {
  switch (status.state) {
    case "connecting":
      return { text: "Connecting…", isNews: false };
    case "catching-up":
      return { text: "Catching up…", isNews: false };
    case "reconnecting": {
      const { code, reason } = status;
      const why = (code !== undefined && REASONS[code]) || (code === undefined && reason) || "Connection lost";
      return { text: `${why} · reconnecting…`, isNews: false };
    }
    case "live":
      if (status.reloaded) return { text: "Live · list loaded anew", isNews: true };
      if (status.resumed > 0) return { text: `Caught up: ${status.resumed} resumed`, isNews: true };
      return { text: "Live", isNews: false };
  }
}
