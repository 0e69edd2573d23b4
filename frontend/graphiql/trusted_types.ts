/**
 * What may make HTML and the addresses of scripts from strings on the page of GraphiQL (trusted types).
 *
 * The server names these policies, and those of Monaco, in `protect_graphiql`. Browsers refuse all others.
 */

import dompurify from "monaco-editor/esm/vs/base/browser/dompurify/dompurify.js";

interface Rules {
  createHTML?(html: string): string;
  createScriptURL?(url: string): string;
}
interface Policy {
  createScriptURL(url: string): string;
}
/** TypeScript has no types for it, and some browsers do not have it. */
const { trustedTypes } = globalThis as unknown as {
  trustedTypes?: { createPolicy(name: string, rules: Rules): Policy };
};

// For all strings that no other policy has approved: descriptions in the schema, which are Markdown.
trustedTypes?.createPolicy("default", { createHTML: (html) => dompurify.sanitize(html) });

const workers = trustedTypes?.createPolicy("live-inbox-workers", { createScriptURL: ownFile });

/** Return the address of a script of a worker. Throws TypeError for one of another site. */
export function workerAddress(url: URL): string {
  return workers?.createScriptURL(url.href) ?? url.href;
}

function ownFile(url: string): string {
  if (new URL(url).origin !== location.origin) throw new TypeError(`${url} is not of this site.`);
  return url;
}
