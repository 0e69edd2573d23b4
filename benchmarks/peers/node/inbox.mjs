// What the peers on Node share that serve an inbox over HTTP: the schema, and its resolvers on PostgreSQL by pg.
import { createSecretKey } from "node:crypto";
import jwt from "jsonwebtoken";
import pg from "pg";

export const port = Number(process.env.PORT);
export const secret = process.env.SECRET;

const pool = new pg.Pool();

export const sdl = /* GraphQL */ `
  scalar JSON
  type InboxUser { id: ID! username: String! name: String! }
  type Notification {
    id: ID!
    type: String!
    title: String!
    message: String!
    link: String
    read: Boolean!
    createdAt: String!
    sender: InboxUser
  }
  type NotificationConnection {
    totalCount: Int!
    unreadCount: Int!
    position: String!
    nodes: [Notification!]!
  }
  type MarkReadPayload { notification: Notification! unreadCount: Int! }
  type SendPayload { notification: Notification! }
  input SendInput {
    recipientId: ID!
    title: String!
    message: String!
    type: String!
    link: String
    data: JSON
  }
  type Query {
    viewer: InboxUser!
    notifications(first: Int = 20): NotificationConnection!
  }
  type Mutation {
    markRead(id: ID!): MarkReadPayload!
    send(input: SendInput!): SendPayload!
  }
`;

const list = `
  SELECT n.id, n.type, n.title, n.message, n.link, n.read_at, n.created_at,
    s.id AS sender_id, s.username, s.first_name, s.last_name
  FROM inbox_app_notification n LEFT JOIN auth_user s ON s.id = n.sender_id
  WHERE n.recipient_id = $1 ORDER BY n.id DESC LIMIT $2`;

const counts = `
  SELECT total_count AS "totalCount", unread_count AS "unreadCount", last_sequence AS "position"
  FROM inbox_app_inbox WHERE user_id = $1`;

// Of a string, jsonwebtoken would first find out that it is no public key, for a quarter of a millisecond each time.
const key = createSecretKey(Buffer.from(secret));

// The account of a header, or of what a socket has sent first.
export async function bearer(authorization) {
  const token = authorization?.slice("Bearer ".length);
  return account(jwt.verify(token, key, { algorithms: ["HS256"] }).sub);
}

// The account of a token that has been verified.
export async function account(id) {
  const { rows } = await pool.query(
    "SELECT id, username, first_name, last_name FROM auth_user WHERE id = $1 AND is_active",
    [id],
  );
  if (!rows.length) throw new Error("There is no such account.");
  return rows[0];
}

async function transaction(work) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

async function lock(client, user) {
  const { rows } = await client.query(
    "SELECT last_sequence, unread_count, total_count FROM inbox_app_inbox WHERE user_id = $1 FOR UPDATE",
    [user],
  );
  return rows[0];
}

// Changes the counts, and keeps the event.
async function keep(client, user, kind, payload, unread, total) {
  const { rows } = await client.query(
    `UPDATE inbox_app_inbox SET last_sequence = last_sequence + 1, unread_count = unread_count + $2,
      total_count = total_count + $3 WHERE user_id = $1 RETURNING last_sequence, unread_count`,
    [user, unread, total],
  );
  await client.query(
    `INSERT INTO inbox_app_inboxevent (inbox_id, sequence, kind, payload, created_at)
      VALUES ($1, $2, $3, $4, now())`,
    [user, rows[0].last_sequence, kind, payload],
  );
  return rows[0].unread_count;
}

const markRead = (user, id) =>
  transaction(async (client) => {
    const inbox = await lock(client, user);
    const found = await client.query(
      "SELECT * FROM inbox_app_notification WHERE id = $1 AND recipient_id = $2",
      [id, user],
    );
    let [notification] = found.rows;
    let unreadCount = inbox.unread_count;
    if (!notification.read_at) {
      const changed = await client.query(
        "UPDATE inbox_app_notification SET read_at = now() WHERE id = $1 RETURNING *",
        [id],
      );
      [notification] = changed.rows;
      unreadCount = await keep(client, user, "read", { notification: id }, -1, 0);
    }
    return { notification, unreadCount };
  });

const send = (user, { recipientId, title, message, type, link, data }) =>
  transaction(async (client) => {
    await lock(client, recipientId);
    const { rows } = await client.query(
      `INSERT INTO inbox_app_notification
        (recipient_id, sender_id, type, title, message, link, data, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, now()) RETURNING *`,
      [recipientId, user, type, title, message, link ?? "", data ?? {}],
    );
    const payload = { notification: rows[0].id, title, message, type, link, data };
    await keep(client, recipientId, "added", payload, 1, 1);
    return { notification: rows[0] };
  });

export const resolvers = {
  Query: {
    viewer: (_, __, { user }) => user,
    async notifications(_, { first }, { user }) {
      const [inbox, page] = await Promise.all([
        pool.query(counts, [user.id]),
        pool.query(list, [user.id, first]),
      ]);
      return { ...inbox.rows[0], nodes: page.rows };
    },
  },
  Mutation: {
    markRead: (_, { id }, { user }) => markRead(user.id, id),
    send: (_, { input }, { user }) => send(user.id, input),
  },
  InboxUser: { name: (user) => `${user.first_name} ${user.last_name}`.trim() },
  Notification: {
    read: (row) => row.read_at !== null,
    createdAt: (row) => row.created_at.toISOString(),
    sender: (row) => (row.sender_id === null ? null : { ...row, id: row.sender_id }),
  },
};
