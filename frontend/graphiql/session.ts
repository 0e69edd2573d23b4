/** The caller of operations: a demo user, the holder of a typed token, or the user who is signed in. */

import type { DemoTokens } from "../live/demo_tokens.js";
import type { PageFacts } from "../live/page_facts.js";

export type Caller = { kind: "demo"; username: string } | { kind: "token" } | { kind: "session" };

export type GraphiQLFacts = PageFacts & { csrfHeader: string; csrfCookie: string };

export class Session {
  caller: Caller;
  /** In memory only, never stored. */
  typedToken = "";

  constructor(
    private readonly facts: GraphiQLFacts,
    private readonly tokens: DemoTokens,
  ) {
    const [first] = facts.demo;
    if (facts.viewer) this.caller = { kind: "session" };
    else if (first) this.caller = { kind: "demo", username: first.username };
    else this.caller = { kind: "token" };
  }

  /** Return the headers that authenticate the caller. With a session: the CSRF token from its cookie. */
  async headers(refresh: boolean): Promise<Record<string, string>> {
    const token = await this.token(refresh);
    if (token) return { Authorization: `Bearer ${token}` };
    const csrfToken = cookie(this.facts.csrfCookie);
    return this.caller.kind === "session" && csrfToken ? { [this.facts.csrfHeader]: csrfToken } : {};
  }

  private async token(refresh: boolean): Promise<string> {
    switch (this.caller.kind) {
      case "demo":
        return this.tokens.of(this.caller.username, refresh);
      case "token":
        return this.typedToken.trim().replace(/^bearer\s+/i, "");
      case "session":
        return "";
    }
  }
}

function cookie(name: string): string | undefined {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}
