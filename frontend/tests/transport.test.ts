/** HTTP in place of WebSockets: when it is chosen, and that nothing is missed or doubled by the change. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { GraphQLError } from "graphql";
import { type Connection, type ConnectionOptions, createResumingClient } from "../client/index.js";
import { possibleTransport, TransportChoice } from "../client/transport.js";
import { InboxServer } from "./inbox_server.js";
import { until } from "./until.js";

const DOCUMENT =
  "subscription ($after: String) { notificationEvents(after: $after) { __typename position title } }";

let server: InboxServer;
let connection: Connection | undefined;
let titles: unknown[];
let errors: unknown[];

beforeEach(async () => {
  server = await new InboxServer().start();
  titles = [];
  errors = [];
});

afterEach(async () => {
  await connection?.dispose();
  await server.stop();
});

function follow(options: Partial<ConnectionOptions> = {}, after: string | null = "0"): Connection {
  connection = createResumingClient({ ...server.connectionOptions, token: "t", ...options });
  connection.subscribe<{ notificationEvents: { title: string } }>(
    { query: DOCUMENT, variables: { after } },
    {
      next: ({ data }) => titles.push(data?.notificationEvents.title),
      error: (error) => errors.push(error),
      complete: () => undefined,
    },
  );
  return connection;
}

const received = (...expected: string[]) =>
  until(`${expected}`, () => JSON.stringify(titles) === JSON.stringify(expected));

test("after two attempts that fail, it is HTTP, and the position goes on", async () => {
  const client = follow();
  server.send("a", "b");
  await received("a", "b");
  assert.equal(client.transport, "websocket");
  server.breaksSockets = true;
  server.attempts = 0;
  server.cut();
  server.send("c");
  await received("a", "b", "c");
  assert.equal(client.transport, "http");
  assert.equal(server.attempts, 2);
  assert.deepEqual(server.subscribed, ["0", "e.2"]);
  server.send("d");
  await received("a", "b", "c", "d");
  assert.deepEqual(
    server.requests.map(({ method, authorization }) => [method, authorization]),
    [
      ["POST", "Bearer t"],
      ["POST", "Bearer t"],
    ],
  );
});

test("over HTTP, every loss is resumed exactly", async () => {
  const client = follow({ transport: "http" });
  const expected: string[] = [];
  for (const title of "abcdef") {
    server.send(title);
    expected.push(title);
    await received(...expected);
    server.endStreams();
    server.send(`${title} meanwhile`);
    expected.push(`${title} meanwhile`);
    await received(...expected);
  }
  assert.equal(server.attempts, 0);
  assert.equal(client.transport, "http");
});

test("a server that is away keeps no client from its WebSockets", async () => {
  const client = follow();
  server.send("a");
  await received("a");
  await server.stop();
  await until("a change", () => client.transport === "http");
  await until("a change back", () => client.transport === "websocket");
  await server.start();
  server.send("b");
  await received("a", "b");
});

test("websocket alone", async () => {
  server.breaksSockets = true;
  const client = follow({ transport: "websocket" });
  await until("some attempts", () => server.attempts > 4);
  assert.equal(client.transport, "websocket");
  assert.deepEqual(server.requests, []);
});

test("a token that is refused is fetched anew", async () => {
  const needs: boolean[] = [];
  server.status = 401;
  follow({
    transport: "http",
    token: ({ refresh }) => {
      needs.push(refresh);
      if (refresh) server.status = undefined;
      return refresh ? "new" : "old";
    },
  });
  server.send("a");
  await received("a");
  assert.deepEqual(needs, [false, true]);
  assert.equal(server.requests.at(-1)?.authorization, "Bearer new");
});

test("a server that has no time is asked again", async () => {
  server.status = 503;
  const client = follow({ transport: "http" });
  const codes: unknown[] = [];
  client.onStatus((status) => status.state === "waiting" && codes.push(status.code));
  await until("two attempts", () => codes.length === 2);
  assert.deepEqual(codes, [1013, 1013]);
  server.status = undefined;
  server.send("a");
  await received("a");
});

test("a subscription that is refused ends with its errors", async () => {
  server.refuse = new GraphQLError("No.", { extensions: { code: "FORBIDDEN" } });
  follow({ transport: "http" });
  await until("the error", () => errors.length === 1);
  assert.equal((errors[0] as GraphQLError[])[0]?.extensions.code, "FORBIDDEN");
});

test("queries and mutations", async () => {
  const client = follow({ transport: "http" });
  for await (const { data } of client.iterate({ query: "{ notifications { position } }" }))
    assert.deepEqual(data, { notifications: { position: "0" } });
});

test("without a token, what changes nothing is sent by GET, and the rest with the CSRF token", async () => {
  Object.assign(globalThis, { document: { cookie: "a=b; csrftoken=abc; c=d" } });
  try {
    const client = follow({ transport: "http", token: null as unknown as string });
    server.send("a");
    await received("a");
    const query = 'fragment F on Refreshed { expiresAt } mutation { refreshToken(token: "x") { ...F } }';
    for await (const _ of client.iterate({ query }));
  } finally {
    Reflect.deleteProperty(globalThis, "document");
  }
  const posts = server.requests.filter(({ method }) => method === "POST");
  assert.deepEqual(
    posts.map(({ csrf }) => csrf),
    ["abc"],
  );
  assert.equal(server.requests.length, 3);
});

test("a session that has ended is a refusal, with the reason of the server", async () => {
  server.isSignedIn = false;
  const client = follow({ transport: "http", token: null as unknown as string });
  await until("the refusal", () => client.status.state === "waiting" && client.status.code === 4403);
  assert.equal(client.status.state === "waiting" && client.status.reason, "Forbidden: missing");
});

test("an app whose requests cannot stream has WebSockets only", () => {
  const { ReadableStream } = globalThis;
  Reflect.deleteProperty(globalThis, "ReadableStream");
  try {
    assert.equal(possibleTransport("auto", "wss://a.example/graphql/", true), "websocket");
  } finally {
    Object.assign(globalThis, { ReadableStream });
  }
  assert.equal(possibleTransport("auto", "wss://a.example/graphql/", true), "auto");
});

test("a window and a document that know no events are no obstacle", async () => {
  Object.assign(globalThis, { window: globalThis, document: {} });
  try {
    follow({});
    server.send("a");
    await received("a");
  } finally {
    Reflect.deleteProperty(globalThis, "window");
    Reflect.deleteProperty(globalThis, "document");
  }
});

test("a page of another origin has no session over HTTP", () => {
  assert.equal(possibleTransport("auto", "wss://a.example/graphql/", false), "auto");
  Object.assign(globalThis, { location: { origin: "https://a.example" } });
  try {
    assert.equal(possibleTransport("auto", "wss://a.example/graphql/", false), "auto");
    assert.equal(possibleTransport("auto", "wss://b.example/graphql/", false), "websocket");
    assert.equal(possibleTransport("auto", "ws://a.example/graphql/", false), "websocket");
    assert.equal(possibleTransport("auto", "wss://b.example/graphql/", true), "auto");
    assert.equal(possibleTransport("http", "wss://b.example/graphql/", false), "http");
  } finally {
    Reflect.deleteProperty(globalThis, "location");
  }
});

test("when it ends, nothing is left open", async () => {
  const client = follow({ transport: "http" });
  await until("the subscription", () => server.streams === 1);
  await client.dispose();
  connection = undefined;
  await until("the end", () => server.streams === 0);
});

test("WebSocket is tried again after ten minutes over HTTP, and not while the server closes by itself", () => {
  let now = 0;
  const choice = new TransportChoice("auto", () => now);
  for (const code of [1012, 1013, 4403]) choice.lost(code, false);
  assert.equal(choice.transport, "websocket");
  choice.lost(1006, false);
  choice.lost(4499, false);
  assert.equal(choice.transport, "http");
  now = 500_000;
  choice.lost(1006, true);
  assert.equal(choice.transport, "http");
  now = 700_000;
  choice.lost(1006, true);
  assert.equal(choice.transport, "websocket");
  choice.lost(1006, false);
  choice.acknowledged();
  choice.lost(1006, false);
  assert.equal(choice.transport, "websocket");
});

test("where HTTP got through last, one attempt by WebSocket is enough", () => {
  const choice = new TransportChoice("auto");
  choice.lost(1006, false);
  choice.lost(1006, false);
  choice.acknowledged();
  // The server restarts: neither gets through.
  choice.lost(1006, true);
  choice.lost(1006, false);
  assert.equal(choice.transport, "websocket");
  choice.lost(1006, false);
  assert.equal(choice.transport, "http");
});
