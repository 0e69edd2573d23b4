import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type Connection, connect } from "../client/index.js";
import { InboxServer } from "./inbox_server.js";
import { until } from "./until.js";

let server: InboxServer;
let connection: Connection;
beforeEach(async () => {
  server = await new InboxServer().start();
});
afterEach(async () => {
  await connection.dispose();
  await server.stop();
});

function watchTicks(): void {
  const ignore = { next: () => undefined, error: () => undefined, complete: () => undefined };
  connection.subscribe({ query: "subscription { notificationEvents { position } }" }, ignore);
}

/** Resolve when what was sent before has been answered: answers come in the order of the operations. */
function answered(): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = { next: () => undefined, error: reject, complete: resolve };
    connection.subscribe({ query: "{ ping }" }, sink);
  });
}

test("at a warning, a fresh token is sent on the same connection", async () => {
  const needs: boolean[] = [];
  const token = ({ refresh }: { refresh: boolean }): string => {
    needs.push(refresh);
    return `token ${needs.length}`;
  };
  connection = connect({ ...server.connectionOptions, token });
  watchTicks();
  await until("the server", () => server.subscribed.length === 1);
  assert.deepEqual(server.wantsWarning, [true]);
  server.warn();
  await until("the server", () => server.refreshed.length === 1);
  // Until the client has its answer, it takes another warning for the same one.
  await answered();
  server.warn();
  await until("the server", () => server.refreshed.length === 2);
  assert.deepEqual(server.refreshed, ["token 2", "token 3"]);
  assert.deepEqual(needs, [false, true, true]);
  assert.equal(server.tokens.length, 1);
});

test("a token that cannot be fetched leaves the connection as it is", async () => {
  let calls = 0;
  const token = (): string => {
    calls += 1;
    if (calls === 2) throw new Error("away");
    return `token ${calls}`;
  };
  connection = connect({ ...server.connectionOptions, token });
  watchTicks();
  await until("the server", () => server.subscribed.length === 1);
  server.warn();
  await until("the server", () => calls === 2);
  server.warn();
  await until("the server", () => server.refreshed.length === 1);
  assert.deepEqual(server.refreshed, ["token 3"]);
  assert.equal(server.tokens.length, 1);
});

test("without a function for tokens, no warning is asked for", async () => {
  connection = connect({ ...server.connectionOptions, token: "t" });
  watchTicks();
  await until("the server", () => server.subscribed.length === 1);
  assert.deepEqual(server.wantsWarning, [undefined]);
});
