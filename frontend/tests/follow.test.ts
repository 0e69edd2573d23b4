import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  type Connection,
  createResumingClient,
  type Following,
  type FollowOptions,
  type FollowStatus,
  follow,
  type NotificationEvent,
} from "../client/index.js";
import { InboxServer } from "./inbox_server.js";
import { until } from "./until.js";

const document =
  "subscription ($after: String) { notificationEvents(after: $after) { __typename position title reason } }";

/** The test server's schema has one type of event: set the type of resets, which the product sends itself. */
function withEventTypes(connection: Connection): Connection {
  const subscribe = connection.subscribe;
  return Object.defineProperties(Object.create(connection) as Connection, {
    subscribe: {
      value: ((payload, sink) =>
        subscribe(payload, {
          ...sink,
          next: (result) => {
            const event = Object.values(result.data ?? {})[0] as { reason?: string; __typename?: string };
            if (event?.reason) event.__typename = "InboxReset";
            sink.next(result as never);
          },
        })) as Connection["subscribe"],
    },
  });
}

let server: InboxServer;
let connection: Connection;
let following: Following | undefined;
let shown: string[];
let loads: number;
let statuses: FollowStatus[];

beforeEach(async () => {
  server = await new InboxServer().start();
  connection = createResumingClient(server.connectionOptions);
  [shown, loads, statuses] = [[], 0, []];
});

afterEach(async () => {
  following?.stop();
  await connection.dispose();
  await server.stop();
});

function start(options: Partial<FollowOptions> = {}): Following {
  following = follow(withEventTypes(connection), {
    document,
    load: async () => {
      loads += 1;
      shown = [...server.titles];
      return server.position;
    },
    apply: (event) => {
      shown.push((event as NotificationEvent & { title: string }).title);
    },
    status: (status) => statuses.push(status),
    ...options,
  });
  return following;
}

const live = (): boolean => following?.status.state === "live";

test("reads the list, then applies what comes after it", async () => {
  server.send("a", "b");
  start();
  await until("live", live);
  server.send("c");
  await until("the event", () => shown.length === 3);
  assert.deepEqual([shown, loads, following?.position], [["a", "b", "c"], 1, "e.3"]);
});

test("with a position it reads no list, and reports how much it missed", async () => {
  server.send("a", "b", "c");
  start({ position: "e.1" });
  await until("live", live);
  assert.deepEqual([shown, loads], [["b", "c"], 0]);
  assert.deepEqual(statuses.at(-1), { state: "live", resumed: 2, reloaded: false });
});

test("reports how many events it resumed after each loss", async () => {
  start();
  await until("live", live);
  server.cut();
  server.send("a", "b", "c");
  await until("reconnecting", () => statuses.some(({ state }) => state === "reconnecting"));
  await until("live again", live);
  assert.deepEqual(statuses.at(-1), { state: "live", resumed: 3, reloaded: false });
  server.cut();
  await until("reconnecting", () => following?.status.state === "reconnecting");
  await until("live again", live);
  assert.deepEqual(statuses.at(-1), { state: "live", resumed: 0, reloaded: false });
  assert.deepEqual([shown, loads], [["a", "b", "c"], 1]);
});

test("reads the list again after a reset, and reports it", async () => {
  server.send("a");
  start();
  await until("live", live);
  server.restore("f", "x", "y");
  server.cut();
  await until("reconnecting", () => following?.status.state === "reconnecting");
  await until("live again", live);
  assert.deepEqual([shown, loads, following?.position], [["x", "y"], 2, "f.2"]);
  assert.deepEqual(statuses.at(-1), { state: "live", resumed: 0, reloaded: true });
  server.send("z");
  await until("the event", () => shown.length === 3);
});

test("applies no event that is in a list read while events arrive", async () => {
  start({
    load: async () => {
      loads += 1;
      if (loads === 2) server.send("a", "b");
      const { position } = server;
      shown = [...server.titles];
      if (loads === 2) {
        server.send("c");
        // When this is answered, the events have arrived.
        for await (const _ of connection.iterate({ query: "{ ping }" }));
      }
      return position;
    },
  });
  await until("live", live);
  await following?.reload();
  await until("the event", () => following?.position === "e.3");
  assert.deepEqual([shown, loads], [["a", "b", "c"], 2]);
});

test("applies one event after the other even if `apply` is slow", async () => {
  const order: string[] = [];
  start({
    position: "0",
    apply: async (event) => {
      order.push(`begin ${event.position}`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`end ${event.position}`);
    },
  });
  server.send("a", "b");
  await until("both", () => order.length === 4);
  assert.deepEqual(order, ["begin e.1", "end e.1", "begin e.2", "end e.2"]);
});

test("remembers a position only after its event has been applied", async () => {
  const log: string[] = [];
  start({
    position: "0",
    apply: (event) => void log.push(`apply ${event.position}`),
    remember: (position) => void log.push(`remember ${position}`),
  });
  server.send("a", "b");
  await until("both", () => log.length === 4);
  assert.deepEqual(log, ["apply e.1", "remember e.1", "apply e.2", "remember e.2"]);
});

test("retries reading the list until it succeeds", async () => {
  server.send("a");
  let failures = 0;
  start({
    load: async () => {
      if (failures++ === 0) throw new Error("away");
      shown = [...server.titles];
      return server.position;
    },
  });
  await until("live", live);
  assert.deepEqual([shown, failures], [["a"], 2]);
});

test("stops for good", async () => {
  start();
  await until("live", live);
  following?.stop();
  server.send("a");
  await until("the connection to end", () => connection.status.state !== "connected");
  assert.deepEqual(shown, []);
});
