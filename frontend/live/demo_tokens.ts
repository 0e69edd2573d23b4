/** Tokens of demo users, which a server in development gives to its own pages. */

import type { PageFacts } from "./page.js";

export class DemoTokens {
  private readonly held = new Map<string, Promise<string>>();

  constructor(private readonly facts: PageFacts) {}

  /** A token of that user: the one at hand, or a fresh one. */
  of(username: string, refresh: boolean): Promise<string> {
    const held = this.held.get(username);
    if (held && !refresh) return held;
    const fetched = this.fetch(username);
    this.held.set(username, fetched);
    fetched.catch(() => this.held.delete(username));
    return fetched;
  }

  private async fetch(username: string): Promise<string> {
    const { tokens, tokenSeconds } = this.facts;
    const url = new URL(tokens ?? "", location.href);
    url.searchParams.set("user", username);
    if (tokenSeconds !== null) url.searchParams.set("seconds", String(tokenSeconds));
    const response = await fetch(url, { cache: "no-store" });
    if (!response.ok) throw new Error(`The server gave no token (${response.status}).`);
    return ((await response.json()) as { token: string }).token;
  }
}
