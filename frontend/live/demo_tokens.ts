/** Tokens of demo users, which a server in development issues to its own pages. */

import type { PageFacts } from "./page_facts.js";

export class DemoTokens {
  private readonly cached = new Map<string, Promise<string>>();

  constructor(private readonly facts: PageFacts) {}

  /** Return a token of that user: the cached one, or with `refresh` a fresh one. */
  of(username: string, refresh: boolean): Promise<string> {
    const cached = this.cached.get(username);
    if (cached && !refresh) return cached;
    const fetched = this.fetch(username);
    this.cached.set(username, fetched);
    fetched.catch(() => this.cached.delete(username));
    return fetched;
  }

  private async fetch(username: string): Promise<string> {
    const { tokens, tokenSeconds } = this.facts;
    const url = new URL(tokens ?? "", location.href);
    url.searchParams.set("user", username);
    if (tokenSeconds !== null) url.searchParams.set("seconds", String(tokenSeconds));
    const response = await fetch(url, { cache: "no-store" });
    if (!response.ok) throw new Error(`The server issued no token (${response.status}).`);
    return ((await response.json()) as { token: string }).token;
  }
}
