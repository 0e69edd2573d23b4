/** Which operation a document has, found without a parser: those of GraphQL are many times as long. */

export type OperationType = "query" | "mutation" | "subscription";

/** Texts, comments, brackets, names. Nothing else matters here. */
const TOKENS = /"""(?:\\"""|[^])*?"""|"(?:\\.|[^"\\])*"|#.*|[()[\]{}]|\w+/g;

/** Return the type of the first operation of a document, wherever its fragments stand. */
export function operationType(text: string): OperationType {
  let depth = 0;
  let isFragment = false;
  for (const [token] of text.matchAll(TOKENS)) {
    if (depth === 0 && !isFragment) {
      if (token === "mutation" || token === "subscription") return token;
      if (token === "query" || token === "{") break;
      isFragment = token === "fragment";
    }
    if ("([{".includes(token)) depth += 1;
    else if (")]}".includes(token)) {
      depth -= 1;
      if (depth === 0 && token === "}") isFragment = false;
    }
  }
  return "query";
}
