/** Keeps an open socket by a fresh token when the server warns that the token expires soon. */

import type { Client } from "graphql-ws";
import type { TokenSource } from "./reconnecting.js";

const REFRESH_DOCUMENT = "mutation RefreshToken($token: String!) { refreshToken(token: $token) { expiresAt } }";

/** What `connection_init` has to contain, so that the server warns. */
export const WARNING_PARAMS = { expiryWarning: true };

/**
 * Send a fresh token at each warning. A failure changes nothing: the server closes the socket at the expiry, and the
 * client reconnects with a fresh token.
 */
export function refreshBeforeExpiry(client: Client, source: TokenSource | undefined, isConnected: () => boolean): void {
  if (typeof source !== "function") return;
  let isRefreshing = false;
  client.on("ping", (received, payload) => {
    if (!received || typeof payload?.expiresAt !== "string" || isRefreshing) return;
    isRefreshing = true;
    void refresh(client, source, isConnected).finally(() => {
      isRefreshing = false;
    });
  });
}

async function refresh(
  client: Client,
  source: Exclude<TokenSource, string>,
  isConnected: () => boolean,
): Promise<void> {
  let token: Awaited<ReturnType<typeof source>>;
  try {
    token = await source({ refresh: true });
  } catch {
    return;
  }
  // Another connection has been opened with a fresh token, or none is needed.
  if (!token || !isConnected()) return;
  await new Promise<void>((resolve) => {
    client.subscribe(
      { query: REFRESH_DOCUMENT, variables: { token } },
      { next: () => undefined, error: () => resolve(), complete: () => resolve() },
    );
  });
}
