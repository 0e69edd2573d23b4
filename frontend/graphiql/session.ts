/** Who asks: a demo user, a token that was typed in, or whoever is signed in with this browser. */

import type { DemoTokens } from "../live/demo_tokens.js";
import type { PageFacts } from "../live/page.js";

export type Caller = { kind: "demo"; username: string } | { kind: "token" } | { kind: "session" };

export type GraphiQLFacts = PageFacts & { csrfHeader: string; csrfCookie: string };

export class Session {
  caller: Caller;
  /** Kept in memory only. */
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

  /** The headers that say who asks. A session proves with its cookie that the request is not forged. */
  async headers(refresh: boolean): Promise<Record<string, string>> {
    const token = await this.token(refresh);
    if (token) return { Authorization: `Bearer ${token}` };
    const proof = cookie(this.facts.csrfCookie);
    return this.caller.kind === "session" && proof ? { [this.facts.csrfHeader]: proof } : {};
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
