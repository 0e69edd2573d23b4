/** What a resuming subscription does after a GraphQL error. The codes are those of docs/graphql.md. */

import type { ErrorCode } from "./schema.js";

/** `retry`: subscribe again after a wait. `renew`: the same, with a fresh token. `stop`: report the error. */
export type ErrorReaction = "retry" | "renew" | "stop";

export const ERROR_REACTIONS: Record<ErrorCode, ErrorReaction> = {
  UNAUTHENTICATED: "renew",
  FORBIDDEN: "stop",
  NOT_FOUND: "stop",
  BAD_USER_INPUT: "stop",
  CONFLICT: "stop",
  RATE_LIMITED: "retry",
  TOO_MANY_OPERATIONS: "stop",
  SERVICE_UNAVAILABLE: "retry",
  INTERNAL_SERVER_ERROR: "retry",
  BAD_REQUEST: "stop",
  GRAPHQL_PARSE_FAILED: "stop",
  GRAPHQL_VALIDATION_FAILED: "stop",
  PERSISTED_QUERY_NOT_FOUND: "stop",
  PERSISTED_QUERY_NOT_SUPPORTED: "stop",
  PERSISTED_QUERY_NOT_IN_LIST: "stop",
  MAX_COST_EXCEEDED: "stop",
  RESPONSE_TOO_LARGE: "stop",
  OPERATION_RESOLUTION_FAILURE: "stop",
};

/** The same without those that stop, as unknown codes do: all that a subscription has to know. */
const REACTIONS: { readonly [Code in ErrorCode]?: ErrorReaction } = {
  UNAUTHENTICATED: "renew",
  RATE_LIMITED: "retry",
  SERVICE_UNAVAILABLE: "retry",
  INTERNAL_SERVER_ERROR: "retry",
};

/** Return the reaction to the errors that ended a subscription. Unknown codes stop it, as they always did. */
export function reactionTo(errors: readonly unknown[]): ErrorReaction {
  const reactions = errors.map(reactionToOne);
  if (reactions.includes("renew")) return "renew";
  return reactions.includes("retry") ? "retry" : "stop";
}

function reactionToOne(error: unknown): ErrorReaction {
  const code = (error as { extensions?: { code?: unknown } }).extensions?.code;
  const isKnown = typeof code === "string" && Object.hasOwn(REACTIONS, code);
  return (isKnown && REACTIONS[code as ErrorCode]) || "stop";
}
