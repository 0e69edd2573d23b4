/** The facts about the server that every page contains as JSON. */

export interface Person {
  id: string;
  username: string;
  name: string;
}

export interface PageFacts {
  endpoint: string;
  jsonEndpoint: string;
  /** The address of the page of the live inbox, where there is one. */
  home: string | null;
  /** The address that returns tokens of demo users; null outside of development. */
  tokens: string | null;
  /** The address that makes events in the inbox of a demo user; null outside of development. */
  events: string | null;
  demo: Person[];
  /** The user who is signed in with this browser, if anybody. */
  viewer: Person | null;
  /** The lifetime of demo tokens in seconds, to try out what happens when they expire. */
  tokenSeconds: number | null;
}

export function pageFacts(): PageFacts {
  const text = document.getElementById("page-facts")?.textContent ?? "{}";
  return JSON.parse(text) as PageFacts;
}

/** The users that the page can act as: the demo users, or else the signed-in user. */
export function availableUsers({ demo, viewer }: PageFacts): Person[] {
  if (demo.length > 0) return demo;
  return viewer ? [viewer] : [];
}
