// What the peers on Node share: the schema, where they listen, and how they connect to Redis.
import { once } from "node:events";
import { buildSchema } from "graphql";
import { Redis } from "ioredis";

export const port = Number(process.env.PORT);

// A connection that is ready: one that begins to subscribe earlier than that fails its own checks.
export async function connect() {
  const redis = new Redis(process.env.REDIS_URL);
  await once(redis, "ready");
  return redis;
}

export const sdl = /* GraphQL */ `
  scalar JSON
  type Query { alive: Boolean! }
  type Notification {
    id: ID!
    type: String!
    title: String!
    message: String!
    link: String
    data: JSON!
    read: Boolean!
    createdAt: String!
  }
  interface NotificationEvent { position: String! unreadCount: Int! occurredAt: String! }
  type NotificationAdded implements NotificationEvent {
    position: String!
    unreadCount: Int!
    occurredAt: String!
    notification: Notification!
  }
  type Subscription { notificationEvents: NotificationEvent! }
`;

export const schema = buildSchema(sdl);
