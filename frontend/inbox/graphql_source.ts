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
import {
  type Change,
  type InboxSource,
  type Position,
  type Preference,
  type ReadRange,
  type ReadResult,
  ServerError,
  type SourceListener,
  toError,
  type Undoable,
} from "./source.js";

const PAGE = /* GraphQL */ `
  query InboxPage($first: Int!, $after: String, $filter: NotificationFilter) {
    notifications(first: $first, after: $after, filter: $filter) {
      nodes { ...NotificationFields }
      pageInfo { hasNextPage endCursor }
      unreadCount
      unseenCount
      position
    }
  }
  ${NOTIFICATION_FIELDS}
`;

/** The server keeps so many of a group. */
const LONGEST_GROUP = 50;

interface PageResult {
  notifications: {
    nodes: Notification[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
    unreadCount: number;
    unseenCount: number;
    position: string;
  };
}

type Changed<Field extends string> = Record<Field, { position: string }>;

interface WithToken {
  position: string;
  undoToken: string | null;
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

  reload(): void {
    void this.following?.reload();
  }

  async loadPage({ type, unreadOnly, folder, pinnedOnly }: Filter, after: string | null): Promise<Page> {
    // What is undefined is not sent.
    const filter = { types: type === null ? undefined : [type], read: unreadOnly ? false : undefined, folder, pinnedOnly };
    const variables = { first: this.options.pageSize, after, filter };
    const { notifications: page } = await this.execute<PageResult>(PAGE, variables);
    const { nodes, pageInfo, unreadCount, unseenCount, position } = page;
    const { hasNextPage: hasMore, endCursor } = pageInfo;
    return { notifications: nodes, endCursor, hasMore, unreadCount, unseenCount, position };
  }

  async loadGroup(id: string): Promise<Notification[]> {
    const variables = { first: LONGEST_GROUP, filter: { groupOf: id } };
    return (await this.execute<PageResult>(PAGE, variables)).notifications.nodes;
  }

  change(kind: Change, id: string, until?: string): Promise<Position> {
    const [declared, given] = until ? [", $until: DateTime!", ", until: $until"] : ["", ""];
    const document = `mutation Change($id: ID!${declared}) { ${kind}(id: $id${given}) { position } }`;
    const changed = this.execute<Changed<string>>(document, { id, until });
    return unlessGone(changed.then((data) => data[kind]?.position), undefined);
  }

  remove(id: string): Promise<Undoable> {
    const document = "mutation Delete($id: ID!) { delete(id: $id, undoable: true) { position undoToken } }";
    const deleted = this.execute<{ delete: WithToken }>(document, { id });
    return unlessGone(deleted.then((data) => undoable(data.delete)), { position: undefined });
  }

  async markAllRead({ filter, upTo }: ReadRange): Promise<ReadResult> {
    const document = `mutation MarkAllRead($filter: NotificationFilter, $upTo: String) {
      markAllRead(filter: $filter, upTo: $upTo) { position hasMore undoToken }
    }`;
    const variables = { filter: filter.type === null ? null : { types: [filter.type] }, upTo: upTo ?? null };
    type Result = { markAllRead: WithToken & { hasMore: boolean } };
    const { markAllRead } = await this.execute<Result>(document, variables);
    return { ...undoable(markAllRead), isComplete: !markAllRead.hasMore };
  }

  async undo(token: string): Promise<Position> {
    const document = "mutation Undo($token: String!) { undo(token: $token) { position } }";
    return (await this.execute<Changed<"undo">>(document, { token })).undo.position;
  }

  performAction(id: string, actionId: string): Promise<Position> {
    const document =
      "mutation PerformAction($id: ID!, $actionId: String!) { performAction(id: $id, actionId: $actionId) { position } }";
    const done = this.execute<Changed<"performAction">>(document, { id, actionId });
    return unlessGone(done.then((data) => data.performAction.position), undefined);
  }

  async targetLink(id: string): Promise<string | null> {
    const document = "query TargetLink($id: ID!) { notification(id: $id) { target { link } } }";
    type Result = { notification: { target: { link: string | null } | null } | null };
    return (await this.execute<Result>(document, { id })).notification?.target?.link ?? null;
  }

  async markSeen(upTo: string): Promise<Position> {
    const document = "mutation MarkSeen($upTo: String) { markSeen(upTo: $upTo) { position } }";
    return (await this.execute<Changed<"markSeen">>(document, { upTo })).markSeen.position;
  }

  async preferences(): Promise<Preference[]> {
    const document =
      "query Preferences { notificationPreferences { type label description category enabled required " +
      "channels { channel label enabled required } } }";
    type Result = { notificationPreferences: Preference[] };
    return (await this.execute<Result>(document)).notificationPreferences;
  }

  async setPreference(type: string, enabled: boolean, channel?: string): Promise<void> {
    const document = `mutation SetPreference($input: NotificationPreferenceInput!) {
      setNotificationPreference(input: $input) { type }
    }`;
    await this.execute(document, { input: { type, enabled, channel } });
  }

  /** Run one query or mutation. Rejects with the server's own message if it fails. */
  execute<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
    return new Promise((resolve, reject) => {
      let received: Data | undefined;
      this.connection.subscribe<Data>(
        { query, variables },
        {
          next: ({ data, errors }) => {
            if (errors?.[0]) reject(toError(errors));
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

/** A notification that is gone is no error: another device has deleted it, or this one has before its connection was lost. */
function unlessGone<Result>(change: Promise<Result>, otherwise: Result): Promise<Result> {
  return change.catch((error: unknown) => {
    if (error instanceof ServerError && error.code === "NOT_FOUND") return otherwise;
    throw error;
  });
}

function undoable({ position, undoToken }: WithToken): Undoable {
  return { position, undoToken: undoToken ?? undefined };
}
