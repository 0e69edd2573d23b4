/** An inbox over GraphQL. All operations share one socket: neither cookies nor CORS are needed. */

import {
  connect,
  EVENTS_DOCUMENT,
  type Following,
  follow,
  NOTIFICATION_FIELDS,
  type Notification,
  resumeSubscriptions,
  type Subscribing,
  type TokenSource,
} from "../client/index.js";
import { EVERYTHING, type Filter, type Page, sameFilter } from "./list.js";
import { socketAddress } from "./socket_address.js";
import {
  type BulkChange,
  type BulkRange,
  type Change,
  type InboxSource,
  type Position,
  type Preference,
  ServerError,
  type SourceListener,
  toError,
  type Undoable,
} from "./source.js";

const PAGE = /* GraphQL */ `query InboxPage($first: Int!, $after: String, $filter: NotificationFilter) {
  notifications(first: $first, after: $after, filter: $filter) {
    nodes { ...NotificationFields } pageInfo { hasNextPage endCursor } unreadCount unseenCount position
  }
} ${NOTIFICATION_FIELDS}`;

/** The server keeps so many of a group. */
const LONGEST_GROUP = 50;

/** Between the tokens of the calls that a bulk change took. */
const BETWEEN = " ";

interface PageResult {
  notifications: {
    nodes: Notification[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
    unreadCount: number;
    unseenCount: number;
    position: string;
  };
}

/** Variables with their types in the schema. Those that are undefined are not sent. */
type Arguments = Record<string, readonly [type: string, value: unknown]>;

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
  readonly connection: Subscribing;
  private following: Following | undefined;

  constructor(private readonly options: GraphQLSourceOptions) {
    const { endpoint, token } = options;
    const isResumable = ({ query }: { query: string }): boolean => query === EVENTS_DOCUMENT;
    this.connection = resumeSubscriptions(connect({ url: socketAddress(endpoint), token }), isResumable);
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
    this.following?.retryNow();
  }

  reload(): void {
    void this.following?.reload();
  }

  async loadPage(filter: Filter, after: string | null): Promise<Page> {
    const variables = { first: this.options.pageSize, after, filter: inputOf(filter) };
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
    return unlessGone(this.position(kind, { id: ["ID!", id], ...(until && { until: ["DateTime!", until] }) }));
  }

  remove(id: string): Promise<Undoable> {
    const fields = "position undoToken";
    const deleted = this.mutate<WithToken>("delete", { id: ["ID!", id], undoable: ["Boolean!", true] }, fields);
    return unlessGone(deleted.then(undoable), { position: undefined });
  }

  async changeAll(kind: BulkChange, { filter, upTo }: BulkRange): Promise<Undoable> {
    // Without a filter, to mark all is one event for any number.
    const input = sameFilter(filter, EVERYTHING) ? null : inputOf(filter);
    const range: Arguments = { filter: ["NotificationFilter", input], upTo: ["String", upTo] };
    const tokens: string[] = [];
    for (;;) {
      type Made = WithToken & { hasMore: boolean };
      const { position, undoToken, hasMore } = await this.mutate<Made>(kind, range, "position hasMore undoToken");
      if (undoToken) tokens.push(undoToken);
      if (!hasMore) return { position, undoToken: tokens.join(BETWEEN) || undefined };
    }
  }

  async undo(token: string): Promise<Position> {
    let position: Position;
    for (const each of token.split(BETWEEN).reverse()) position = await this.position("undo", { token: ["String!", each] });
    return position;
  }

  performAction(id: string, actionId: string): Promise<Position> {
    const chosen: Arguments = { id: ["ID!", id], actionId: ["String!", actionId] };
    return unlessGone(this.position("performAction", chosen));
  }

  markSeen(upTo: string): Promise<Position> {
    return this.position("markSeen", { upTo: ["String", upTo] });
  }

  async preferences(): Promise<Preference[]> {
    const document =
      "query Preferences { notificationPreferences { type label description category enabled required " +
      "channels { channel label enabled required } } }";
    type Result = { notificationPreferences: Preference[] };
    return (await this.execute<Result>(document)).notificationPreferences;
  }

  async setPreference(type: string, enabled: boolean, channel?: string): Promise<void> {
    const input = { type, enabled, channel };
    await this.mutate("setNotificationPreference", { input: ["NotificationPreferenceInput!", input] }, "type");
  }

  /** Run a mutation; resolves to the position after it. */
  private async position(name: string, values: Arguments): Promise<Position> {
    return (await this.mutate<{ position: string }>(name, values, "position")).position;
  }

  /**
   * Run a mutation, with all values as its arguments, and return what is selected of it. However often the server is away: the
   * connection is then made anew, and shows meanwhile that something waits.
   */
  private async mutate<Result>(name: string, values: Arguments, fields: string): Promise<Result> {
    const entries = Object.entries(values);
    const declared = entries.map(([key, [type]]) => `$${key}: ${type}`);
    const given = entries.map(([key]) => `${key}: $${key}`);
    const document = `mutation Inbox(${declared}) { ${name}(${given}) { ${fields} } }`;
    const variables = Object.fromEntries(entries.map(([key, [, value]]) => [key, value]));
    for (;;) {
      try {
        return (await this.execute<Record<string, Result>>(document, variables))[name] as Result;
      } catch (error) {
        const code = error instanceof ServerError && error.code;
        if (code === "UNAUTHENTICATED") this.connection.renew();
        else if (code === "SERVICE_UNAVAILABLE") this.connection.terminate();
        else throw error;
        await this.connection.mayRetry();
      }
    }
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
            received === undefined ? reject(toError({ code: 1000 })) : resolve(received),
        },
      );
    });
  }
}

/** A notification that is gone is no error: another device has deleted it, or this one has before its connection was lost. */
function unlessGone<Result>(change: Promise<Result>, otherwise?: Result): Promise<Result> {
  return change.catch((error: unknown) => {
    if (error instanceof ServerError && error.code === "NOT_FOUND") return otherwise as Result;
    throw error;
  });
}

/** Return a filter as the schema has it. What is undefined is not sent. */
function inputOf({ type, unreadOnly, ...conditions }: Filter): Record<string, unknown> {
  const types = type === null ? conditions.types : (conditions.types ?? [type]).filter((each) => each === type);
  return { ...conditions, types, read: unreadOnly ? false : conditions.read };
}

function undoable({ position, undoToken }: WithToken): Undoable {
  return { position, undoToken: undoToken ?? undefined };
}
