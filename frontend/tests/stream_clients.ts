/**
 * Event streams by clients that know nothing of this product: `node stream_clients.mjs CLIENT URL TOKEN`. Prints a line
 * of JSON for everything that they receive, until its input ends.
 */

import { Client, fetchExchange } from "@urql/core";
import { createClient } from "graphql-sse";

const [name = "", url = "", token = ""] = process.argv.slice(2);
const EVENTS = `subscription ($after: String) {
  notificationEvents(after: $after) {
    __typename
    position
    ... on NotificationAdded { notification { title } }
  }
}`;
const headers = { Authorization: `Bearer ${token}` };

interface Data {
  notificationEvents?: { position: string; notification?: { title: string } };
}

function print(seen: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}

/** graphql-sse connects again by itself, and reads the variables each time. */
function withGraphqlSse(): () => void {
  let position: string | undefined;
  const client = createClient({
    url,
    headers,
    retryAttempts: 100,
    retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
    on: { connected: (reconnected) => print({ connected: reconnected }) },
  });
  const variables = Object.defineProperty({}, "after", { enumerable: true, get: () => position ?? null });
  client.subscribe<Data>(
    { query: EVENTS, variables },
    {
      next: ({ data, errors }) => {
        position = data?.notificationEvents?.position ?? position;
        print({ title: data?.notificationEvents?.notification?.title, errors });
      },
      error: (error) => print({ error: String(error) }),
      complete: () => print({ complete: true }),
    },
  );
  client.subscribe<{ viewer: { username: string } }>(
    { query: "{ viewer { username } }" },
    {
      next: ({ data }) => print({ viewer: data?.viewer.username }),
      error: (error) => print({ error: String(error) }),
      complete: () => print({ viewerComplete: true }),
    },
  );
  return () => client.dispose();
}

/** urql asks for a stream where `fetchSubscriptions` is on. */
function withUrql(): () => void {
  const client = new Client({
    url,
    preferGetMethod: false,
    fetchSubscriptions: true,
    fetchOptions: { headers },
    exchanges: [fetchExchange],
  });
  print({ connected: false });
  const { unsubscribe } = client
    .subscription<Data>(EVENTS, { after: "0" })
    .subscribe(({ data, error }) => print({ title: data?.notificationEvents?.notification?.title, errors: error }));
  return unsubscribe;
}

const stop = name === "graphql-sse" ? withGraphqlSse() : withUrql();
process.stdin.on("close", stop).resume();
