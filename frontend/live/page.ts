/** What the server tells the page about itself. */

export interface Person {
  id: string;
  username: string;
  name: string;
}

export interface PageFacts {
  endpoint: string;
  jsonEndpoint: string;
  /** Where tokens of demo users are given; null outside of development. */
  tokens: string | null;
  demo: Person[];
  /** Who is signed in with this browser, if anybody. */
  viewer: Person | null;
  /** For how long demo tokens are good; for trying out what happens when they expire. */
  tokenSeconds: number | null;
}

export function pageFacts(): PageFacts {
  const text = document.getElementById("page-facts")?.textContent ?? "{}";
  return JSON.parse(text) as PageFacts;
}
