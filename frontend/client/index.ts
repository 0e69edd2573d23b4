export {
  type Connection,
  type ConnectionOptions,
  type ConnectionStatus,
  type TokenSource,
  connect,
} from "./connection.js";
export * from "./events.js";
export { type Following, type FollowOptions, type FollowStatus, follow } from "./follow.js";
export { isSeen, sequenceOf } from "./position.js";
export { createResumingClient, resuming } from "./resuming.js";
