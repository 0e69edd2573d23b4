/** An inbox over GraphQL. All operations share one socket: neither cookies nor CORS are needed. */

import {
  type Connection,
  createResumingClient,
  type Following,
  follow,
  NOTIFICATION_FIELDS,
  type Notification,
  type TokenSource,
} from "../client/index.js";
import { EVERYTHING, type Filter, type Page } from "./list.js";
import { socketAddress } from "./socket_address.js";
import { type InboxSource, type Preference, type SourceListener, toError } from "./source.js";

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

interface PageResult {
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

export class GraphQLSource implements InboxSource {
  readonly canFilter = true;
  readonly connection: Connection;
  private following: Following | undefined;

  constructor(private readonly options: GraphQLSourceOptions) {
    const { endpoint, token } = options;
    this.connection = createResumingClient({ url: socketAddress(endpoint), token });
  }

  start(listener: SourceListener, position?: string): void {
    this.following = follow(this.connection, {
      position,
      load: async (reset) => {
        const page = await this.loadPage(EVERYTHING, null);
        listener.onPage(page, reset);
        return page.position;
      },
      apply: (event) => listener.onEvent(event),
      status: (status) => listener.onStatus(status),
      failed: (error) => listener.onError(error),
    });
  }

  stop(): void {
    this.following?.stop();
    void this.connection.dispose();
  }

  disconnect(): void {
    this.connection.terminate();
  }

  reconnectNow(): void {
    this.connection.reconnectNow();
  }

  async loadPage({ type, unreadOnly }: Filter, after: string | null): Promise<Page> {
    const filter = { ...(type !== null && { types: [type] }), ...(unreadOnly && { read: false }) };
    const variables = { first: this.options.pageSize, after, filter };
    const { notifications: page } = await this.execute<PageResult>(PAGE, variables);
    const { nodes, pageInfo, unreadCount, position } = page;
    const { hasNextPage: hasMore, endCursor } = pageInfo;
    return { notifications: nodes, endCursor, hasMore, unreadCount, position };
  }

  async markRead(id: string): Promise<void> {
    await this.execute("mutation MarkRead($id: ID!) { markRead(id: $id) { position } }", { id });
  }

  async markUnread(id: string): Promise<void> {
    await this.execute("mutation MarkUnread($id: ID!) { markUnread(id: $id) { position } }", { id });
  }

  async markAllRead(upTo: string | undefined): Promise<void> {
    const document = "mutation MarkAllRead($upTo: String) { markAllRead(upTo: $upTo) { count } }";
    await this.execute(document, { upTo: upTo ?? null });
  }

  async remove(id: string): Promise<void> {
    await this.execute("mutation Delete($id: ID!) { delete(id: $id) { position } }", { id });
  }

  async preferences(): Promise<Preference[]> {
    const document = "query Preferences { notificationPreferences { type enabled required label description } }";
    type Result = { notificationPreferences: Preference[] };
    return (await this.execute<Result>(document)).notificationPreferences;
  }

  async setPreference(type: string, enabled: boolean): Promise<void> {
    const document = `mutation SetPreference($input: NotificationPreferenceInput!) {
      setNotificationPreference(input: $input) { type }
    }`;
    await this.execute(document, { input: { type, enabled } });
  }

  /** Run one query or mutation. Rejects with the server's own message if it fails. */
  execute<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
    return new Promise((resolve, reject) => {
      let received: Data | undefined;
      this.connection.subscribe<Data>(
        { query, variables },
        {
          next: ({ data, errors }) => {
            if (errors?.[0]) reject(new Error(errors[0].message));
            else received = data as Data;
          },
          error: (error) => reject(toError(error)),
          complete: () =>
            received === undefined ? reject(new Error("There was no answer.")) : resolve(received),
        },
      );
    });
  }
}
