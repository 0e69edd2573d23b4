/** The server of the inbox (`make run`), whose `ALLOWED_ORIGINS` has the origin of these pages. */
const SERVER = process.env["LIVE_INBOX_SERVER"] ?? "http://127.0.0.1:8000";

/** Browsers connect to it themselves: Next passes on no sockets. */
export const GRAPHQL = `${SERVER}/graphql/`;

/** Fetch a token of a demo user, which a server in development hands out. In your project, sign one for the user. */
export async function demoToken(): Promise<string> {
  const answer = await fetch(`${SERVER}/demo-token?user=alice`, { cache: "no-store" });
  return ((await answer.json()) as { token: string }).token;
}
