export {
  type Connection,
  type ConnectionOptions,
  type ConnectionStatus,
  connect,
} from "./connection.js";
export { ERROR_REACTIONS, type ErrorReaction } from "./error_codes.js";
export * from "./events.js";
export { type Following, type FollowOptions, type FollowStatus, follow } from "./follow.js";
export { isApplied, sequenceOf } from "./position.js";
export type { TokenSource } from "./reconnecting.js";
export { createResumingClient, resuming, resumeSubscriptions, type Subscribing } from "./resuming.js";
export type { ErrorCode } from "./schema.js";
export type { Transport } from "./transport.js";
