/** The state of the connection, in words. */

import type { FollowStatus } from "../client/index.js";

/** Why the server closed the socket, by close code; any other close is "Connection lost". */
const REASONS: Record<number, string> = {
  1012: "The server is restarting",
  1001: "The server is going away",
  4401: "The sign-in was not accepted",
  4403: "The sign-in has expired",
};

export interface StatusText {
  text: string;
  /** Whether missed events have just been applied: shown with emphasis. */
  isCaughtUp: boolean;
}

export function statusText(status: FollowStatus): StatusText {
  switch (status.state) {
    case "connecting":
      return { text: "Connecting…", isCaughtUp: false };
    case "catching-up":
      return { text: "Catching up…", isCaughtUp: false };
    case "reconnecting": {
      const { code, reason } = status;
      const why = (code !== undefined && REASONS[code]) || (code === undefined && reason) || "Connection lost";
      return { text: `${why} · reconnecting…`, isCaughtUp: false };
    }
    case "live":
      if (status.reloaded) return { text: "Live · list reloaded", isCaughtUp: true };
      if (status.resumed > 0) return { text: `Caught up: ${status.resumed} resumed`, isCaughtUp: true };
      return { text: "Live", isCaughtUp: false };
  }
}
