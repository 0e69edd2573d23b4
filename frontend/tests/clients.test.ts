/** The connection inside Apollo Client and urql, as `docs/clients/` shows it. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { ApolloClient, gql, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, subscriptionExchange } from "@urql/core";
import WebSocketImpl from "ws";
import { type Connection, createResumingClient } from "../client/index.js";
import { InboxServer } from "./inbox_server.js";
import { until } from "./until.js";

const DOCUMENT =
  "subscription ($after: String) { notificationEvents(after: $after) { __typename position title } }";

let server: InboxServer;
let connection: Connection;
let titles: unknown[];
let stop: () => void;

beforeEach(async () => {
  server = await new InboxServer().start();
  connection = createResumingClient({ url: server.url, webSocketImpl: WebSocketImpl, firstWaitMs: 10 });
  titles = [];
});

afterEach(async () => {
  stop();
  await connection.dispose();
  await server.stop();
});

async function assertResumesAfterLoss(): Promise<void> {
  await until("the subscription", () => server.subscribed.length === 1);
  server.send("a");
  await until("an event", () => titles.length === 1);
  server.close(1011);
  server.send("b", "c");
  await until("the others", () => titles.length === 3);
  assert.deepEqual(titles, ["a", "b", "c"]);
  assert.deepEqual(server.subscribed, ["0", "e.1"]);
}

interface Data {
  notificationEvents: { title: string };
}

test("Apollo Client resumes", async () => {
  const apollo = new ApolloClient({ link: new GraphQLWsLink(connection), cache: new InMemoryCache() });
  const subscription = apollo
    .subscribe<Data>({ query: gql(DOCUMENT), variables: { after: "0" }, fetchPolicy: "no-cache" })
    .subscribe(({ data }) => titles.push(data?.notificationEvents.title));
  stop = () => {
    subscription.unsubscribe();
    apollo.stop();
  };
  await assertResumesAfterLoss();
});

test("urql resumes", async () => {
  const urql = new Client({
    url: "http://127.0.0.1/graphql/",
    preferGetMethod: false,
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: connection.subscribe({ query, variables }, sink),
          }),
        }),
      }),
    ],
  });
  const subscription = urql
    .subscription<Data>(DOCUMENT, { after: "0" })
    .subscribe(({ data }) => titles.push(data?.notificationEvents.title));
  stop = () => subscription.unsubscribe();
  await assertResumesAfterLoss();
});

test("iterating resumes", async () => {
  const events = connection.iterate<Data>({ query: DOCUMENT, variables: { after: "0" } });
  stop = () => void events.return?.();
  void (async () => {
    for await (const { data } of events) titles.push(data?.notificationEvents.title);
  })();
  await assertResumesAfterLoss();
});
