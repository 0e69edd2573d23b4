/** A source that is still being loaded. */

import type { InboxSource } from "./source.js";

type Method = (...values: unknown[]) => unknown;

/** Return what passes every call on to the source, in order, once it is there. */
export function deferred(source: Promise<InboxSource>): InboxSource {
  const call =
    (name: string | symbol): Method =>
    (...values) =>
      source.then((found) => (found as unknown as Record<string | symbol, Method>)[name]?.(...values));
  const known = { canFilter: true };
  return new Proxy(known, { get: (_, name) => (name === "canFilter" ? known[name] : call(name)) }) as InboxSource;
}
