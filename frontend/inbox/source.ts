/** Where an inbox comes from: one interface, so that the same list can be shown over either protocol. */

import {
  type Connection,
  createResumingClient,
  type Following,
  type FollowStatus,
  follow,
  type InboxReset,
  NOTIFICATION_FIELDS,
  type Notification,
  type NotificationEvent,
  type TokenSource,
} from "../client/index.js";
import { type Filter, EVERYTHING, type Page } from "./list.js";

export interface Preference {
  type: string;
  enabled: boolean;
  required: boolean;
}

export interface Listener {
  /** The newest page of the whole inbox was read: at the start, and when positions became useless. */
  loaded(page: Page, reset?: InboxReset): void;
  happened(event: NotificationEvent): void;
  status(status: FollowStatus): void;
  failed(error: unknown): void;
}

export interface InboxSource {
  /** Whether pages can be filtered, and whether there are preferences. */
  readonly canFilter: boolean;
  /** Begin; with a position, resume after it instead of loading the list. */
  start(listener: Listener, position?: string): void;
  stop(): void;
  /** Drop the connection. It comes back by itself. */
  drop(): void;
  reconnectNow(): void;
  page(filter: Filter, after: string | null): Promise<Page>;
  markRead(id: string): Promise<void>;
  markUnread(id: string): Promise<void>;
  /** Mark as read what had arrived by a position. */
  markAllRead(upTo: string | undefined): Promise<void>;
  remove(id: string): Promise<void>;
  preferences(): Promise<Preference[]>;
  setPreference(type: string, enabled: boolean): Promise<void>;
}

const PAGE = /* GraphQL */ `
  query InboxPage($first: Int!, $after: String, $filter: NotificationFilter) {
    notifications(first: $first, after: $after, filter: $filter) {
      nodes { ...NotificationFields }
      pageInfo { hasNextPage endCursor }
      unreadCount
      position
    }
  }
  ${NOTIFICATION_FIELDS}
`;

interface PageAnswer {
  notifications: {
    nodes: Notification[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
    unreadCount: number;
    position: string;
  };
}

export interface GraphQLSourceOptions {
  /** The endpoint, as http(s) or ws(s) address or as path. */
  endpoint: string;
  token?: TokenSource;
  pageSize: number;
}

/** An inbox over GraphQL. All operations travel on one socket: no cookies or CORS to think of. */
export class GraphQLSource implements InboxSource {
  readonly canFilter = true;
  readonly connection: Connection;
  private following: Following | undefined;

  constructor(private readonly options: GraphQLSourceOptions) {
    const { endpoint, token } = options;
    this.connection = createResumingClient({ url: socketAddress(endpoint), token });
  }

  start(listener: Listener, position?: string): void {
    this.following = follow(this.connection, {
      position,
      load: async (reset) => {
        const page = await this.page(EVERYTHING, null);
        listener.loaded(page, reset);
        return page.position;
      },
      apply: (event) => listener.happened(event),
      status: (status) => listener.status(status),
      failed: (error) => listener.failed(error),
    });
  }

  stop(): void {
    this.following?.stop();
    void this.connection.dispose();
  }

  drop(): void {
    this.connection.terminate();
  }

  reconnectNow(): void {
    this.connection.reconnectNow();
  }

  async page({ type, unreadOnly }: Filter, after: string | null): Promise<Page> {
    const filter = { ...(type !== null && { types: [type] }), ...(unreadOnly && { read: false }) };
    const variables = { first: this.options.pageSize, after, filter };
    const { notifications: page } = await this.ask<PageAnswer>(PAGE, variables);
    const { nodes, pageInfo, unreadCount, position } = page;
    const { hasNextPage: hasMore, endCursor } = pageInfo;
    return { notifications: nodes, endCursor, hasMore, unreadCount, position };
  }

  async markRead(id: string): Promise<void> {
    await this.ask("mutation MarkRead($id: ID!) { markRead(id: $id) { position } }", { id });
  }

  async markUnread(id: string): Promise<void> {
    await this.ask("mutation MarkUnread($id: ID!) { markUnread(id: $id) { position } }", { id });
  }

  async markAllRead(upTo: string | undefined): Promise<void> {
    const document = "mutation MarkAllRead($upTo: String) { markAllRead(upTo: $upTo) { count } }";
    await this.ask(document, { upTo: upTo ?? null });
  }

  async remove(id: string): Promise<void> {
    await this.ask("mutation Delete($id: ID!) { delete(id: $id) { position } }", { id });
  }

  async preferences(): Promise<Preference[]> {
    const document = "query Preferences { notificationPreferences { type enabled required } }";
    type Answer = { notificationPreferences: Preference[] };
    return (await this.ask<Answer>(document)).notificationPreferences;
  }

  async setPreference(type: string, enabled: boolean): Promise<void> {
    const document = `mutation SetPreference($input: NotificationPreferenceInput!) {
      setNotificationPreference(input: $input) { type }
    }`;
    await this.ask(document, { input: { type, enabled } });
  }

  /** Run one query or mutation; raise an Error with the server's own words if it fails. */
  ask<Answer>(query: string, variables: Record<string, unknown> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let answer: Answer | undefined;
      this.connection.subscribe<Answer>(
        { query, variables },
        {
          next: ({ data, errors }) => {
            if (errors?.[0]) reject(new Error(errors[0].message));
            else answer = data as Answer;
          },
          error: (error) => reject(toError(error)),
          complete: () =>
            answer === undefined ? reject(new Error("There was no answer.")) : resolve(answer),
        },
      );
    });
  }
}

/** Turn whatever graphql-ws reports into an error with a sentence for people. */
export function toError(error: unknown): Error {
  if (Array.isArray(error)) return new Error(String(error[0]?.message ?? "The server refused it."));
  if (error instanceof Error) return error;
  const { code, reason } = error as { code?: number; reason?: string };
  return new Error(reason || `The connection was closed${code ? ` (${code})` : ""}.`);
}

/** The address of the socket that belongs to an endpoint. */
export function socketAddress(endpoint: string): string {
  const url = new URL(endpoint, document.baseURI);
  url.protocol = url.protocol.replace(/^http/, "ws");
  url.hash = "";
  return url.href;
}
