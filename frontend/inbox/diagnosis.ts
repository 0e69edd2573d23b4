/** What a developer learns of a page that the server does not serve. A part of its own, loaded when that happens. */

import type { Refusal } from "./refusal.js";

/** Say in the console what a developer has to change. */
export function explainRefusal(refusal: Refusal): void {
  warn(refusalHint(refusal));
}

function warn(hint: string): void {
  console.warn(`<notification-inbox>: ${hint}`);
}

function refusalHint({ reason, code }: Refusal): string {
  if (reason === "origin") return `Add ${location.origin} to ALLOWED_ORIGINS of the server, if “endpoint” is its GraphQL API.`;
  if (reason === "missing") return "Set “token” or “tokenProvider”, or sign in on the site of the server.";
  return `The server refused the token: ${code}, ${reason}.`;
}

/** Only an inbox has this field. Without credentials, it refuses to answer. */
const QUERY = "{ notifications(first: 1) { position } }";

/**
 * Find out whether the server refuses the origin of this page: browsers only say that the connection failed. A server that
 * can be reached, but not as CORS wants it, is one that does not allow the origin. Otherwise say in the console what else is
 * wrong, once: this is called from the second `attempt` to connect on. `script` is the address of the component's.
 */
export async function isOriginRefused(endpoint: string, script: string | undefined, attempt: number): Promise<boolean> {
  const url = new URL(endpoint, document.baseURI);
  url.protocol = url.protocol.replace(/^ws/, "http");
  const asks = { credentials: "omit", cache: "no-store" } as const;
  try {
    const body = JSON.stringify({ query: QUERY });
    const answer = await fetch(url, { ...asks, method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (attempt === 2) warn(await answerHint(url, answer));
    return false;
  } catch {
    if (url.origin !== location.origin && (await isServed(url, script, asks))) return true;
    if (attempt === 2) warn(`${url} cannot be reached. Is the server running, and “endpoint” its address?`);
    return false;
  }
}

/** Whether a server answers at all. */
async function isServed(url: URL, script: string | undefined, asks: RequestInit): Promise<boolean> {
  // The component's script may be read from everywhere. A page with COEP may read nothing else without CORS.
  const isOfServer = script?.startsWith(`${url.origin}/`);
  const request = script && isOfServer ? fetch(script, asks) : fetch(url, { ...asks, mode: "no-cors" });
  return request.then(
    () => true,
    () => false,
  );
}

interface Answer {
  data?: unknown;
  errors?: { message?: unknown; extensions?: { code?: unknown } }[];
}

/** Say what is wrong with the answer of an endpoint, or that it is right. */
async function answerHint(url: URL, answer: Response): Promise<string> {
  const found = (await answer.json().catch(() => undefined)) as Answer | undefined;
  const [error] = found?.errors ?? [];
  const code = error?.extensions?.code;
  if (found?.data || (code && code !== "GRAPHQL_VALIDATION_FAILED")) {
    return `${url} is an inbox, but connections to it fail. Does a proxy on the way keep WebSockets and event streams from it?`;
  }
  const said = error?.message ?? answer.headers.get("Content-Type") ?? "nothing";
  return `${url} is no inbox: it answers ${answer.status}, ${said}. “endpoint” has to be the address of its GraphQL API.`;
}
