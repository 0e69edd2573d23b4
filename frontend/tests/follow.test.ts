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
  following = follow(connection, {
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
    firstWaitMs: 10,
    longestWaitMs: 40,
    ...options,
  });
  return following;
}

/** Resolve when everything that the server has sent before is here. */
async function pong(): Promise<void> {
  for await (const _ of connection.iterate({ query: "{ ping }" }));
}

async function sendAndWait(...titles: string[]): Promise<void> {
  server.send(...titles);
  await pong();
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

test("subscribes again after the list of a reset, so that the server compares its position", async () => {
  start({
    load: async () => {
      loads += 1;
      // The list has an event that the subscription does not know, and then the database loses it.
      if (loads === 2) server.sendSilently("y");
      const { position } = server;
      shown = [...server.titles];
      if (loads === 2) server.failOver(1);
      return position;
    },
  });
  await until("live", live);
  server.restore("f", "x");
  await until("the list after the failover", () => loads === 3);
  await until("live again", live);
  assert.deepEqual([shown, following?.position], [["x"], "f.1"]);
  assert.deepEqual(server.subscribed, ["0", "f.2"]);
  assert.deepEqual(statuses.at(-1), { state: "live", resumed: 0, reloaded: true });
  server.send("z");
  await until("the event", () => shown.length === 2);
});

test("keeps its subscription when the list is what the reset reports", async () => {
  server.send("a");
  start();
  await until("live", live);
  server.restore("f", "x");
  await until("the list", () => loads === 2);
  await until("live again", live);
  assert.deepEqual([server.subscribed, shown], [["e.1"], ["x"]]);
  assert.deepEqual(statuses.at(-1), { state: "live", resumed: 0, reloaded: true });
  server.send("y");
  await until("the event", () => shown.length === 2);
});

test("misses nothing between the old subscription and the new one, and repeats nothing", async () => {
  start({
    load: async () => {
      loads += 1;
      if (loads === 2) server.sendSilently("y");
      const { position } = server;
      shown = [...server.titles];
      // These arrive over the old subscription while the list is on its way.
      if (loads === 2) await sendAndWait("z1", "z2");
      return position;
    },
  });
  await until("live", live);
  server.restore("f", "x");
  await until("the events", () => following?.position === "f.4");
  assert.deepEqual([shown, loads], [["x", "y", "z1", "z2"], 2]);
  server.send("z3");
  await until("the next event", () => following?.position === "f.5");
  assert.deepEqual(shown, ["x", "y", "z1", "z2", "z3"]);
});

test("drops a reset that arrives while a list is read: the new subscription gets its own", async () => {
  const resets: (string | undefined)[] = [];
  start({
    load: async (reset) => {
      loads += 1;
      if (loads === 2) server.sendSilently("y");
      const { position } = server;
      shown = [...server.titles];
      if (loads === 2) {
        server.restore("g", "p", "q");
        await pong();
      }
      resets.push(reset?.position);
      return position;
    },
  });
  await until("live", live);
  server.restore("f", "x");
  await until("the other list", () => loads === 3);
  await until("live again", live);
  assert.deepEqual([shown, following?.position], [["p", "q"], "g.2"]);
  assert.deepEqual(resets, [undefined, "f.1", "g.2"]);
  assert.deepEqual(server.subscribed, ["0", "f.2"]);
});

test("applies nothing that arrived before a list and is of another epoch", async () => {
  start({
    load: async () => {
      loads += 1;
      if (loads === 2) {
        await sendAndWait("lost");
        server.restore("g", "p");
        await pong();
      }
      shown = [...server.titles];
      return server.position;
    },
  });
  await until("live", live);
  server.restore("f", "x");
  await until("the list", () => loads === 2);
  await until("live again", live);
  await following?.reload();
  assert.deepEqual([shown, loads, server.subscribed], [["p"], 3, ["0"]]);
});

test("waits before it reads the list once more when resets repeat", async () => {
  let resets = 0;
  connection.on("message", (message) => {
    if (JSON.stringify(message).includes('"InboxReset"')) resets += 1;
  });
  start({ firstWaitMs: 60_000, longestWaitMs: 60_000 });
  await until("live", live);
  server.resumesNothing = true;
  server.cut();
  await until("the list", () => loads === 2);
  server.cut();
  await until("another reset", () => resets === 2);
  await pong();
  assert.equal(loads, 2);
  assert.notEqual(following?.status.state, "live");
});

test("goes on as soon as a list can be resumed again", async () => {
  server.resumesNothing = true;
  server.send("a");
  start({
    position: "e.1",
    load: async () => {
      loads += 1;
      server.sendSilently("more");
      return server.position;
    },
  });
  await until("several lists", () => loads === 5);
  server.resumesNothing = false;
  await until("live", live);
  assert.deepEqual(server.subscribed.length, loads + 1);
});

test("reads the list of a reset although the connection is lost meanwhile", async () => {
  start({
    load: async () => {
      loads += 1;
      if (loads === 2) {
        server.sendSilently("y");
        server.cut();
        await until("the loss", () => connection.status.state === "waiting");
      }
      shown = [...server.titles];
      return server.position;
    },
  });
  await until("live", live);
  server.restore("f", "x");
  await until("the list", () => loads === 2);
  await until("live again", live);
  assert.deepEqual(following?.status, { state: "live", resumed: 0, reloaded: true });
  server.send("z");
  await until("the event", () => following?.position === "f.3");
  assert.deepEqual([shown, loads], [["x", "y", "z"], 2]);
});

test("is not live before it has connected again, even if its list is read", async () => {
  start({
    load: async () => {
      loads += 1;
      if (loads === 2) {
        server.accept = () => false;
        server.cut();
        await until("the loss", () => connection.status.state === "waiting");
      }
      shown = [...server.titles];
      return server.position;
    },
  });
  await until("live", live);
  server.restore("f", "x");
  await until("the list", () => following?.position === "f.1");
  assert.notEqual(following?.status.state, "live");
  server.accept = () => true;
  await until("live again", live);
  assert.deepEqual(following?.status, { state: "live", resumed: 0, reloaded: true });
});

test("several followers of one connection are reset by themselves", async () => {
  const others = Array.from({ length: 5 }, () => {
    const other = { shown: [] as string[], loads: 0, following: undefined as Following | undefined };
    other.following = follow(connection, {
      document,
      load: async () => {
        other.loads += 1;
        if (other.loads === 2) server.sendSilently("y");
        other.shown = [...server.titles];
        return server.position;
      },
      apply: (event) => void other.shown.push((event as NotificationEvent & { title: string }).title),
    });
    return other;
  });
  const all = (condition: (other: (typeof others)[number]) => boolean) => () => others.every(condition);
  await until("all live", all(({ following: each }) => each?.status.state === "live"));
  server.restore("f", "x");
  await until("their lists", all(({ loads: count }) => count === 2));
  server.send("z");
  await until("the event", all(({ shown: titles }) => titles.includes("z")));
  await until("all live again", all(({ following: each }) => each?.status.state === "live"));
  for (const other of others) assert.deepEqual(other.shown, ["x", "y", "y", "y", "y", "y", "z"]);
  for (const other of others) other.following?.stop();
  assert.equal(server.tokens.length, 1);
});

test("subscribes again after a list that `reload` has read", async () => {
  server.send("a");
  start();
  await until("live", live);
  server.sendSilently("b");
  await following?.reload();
  server.failOver(1);
  await until("the list after the failover", () => loads === 3);
  assert.deepEqual([shown, following?.position], [["a"], "e.1"]);
});

test("applies no event that is in a list read while events arrive", async () => {
  start({
    load: async () => {
      loads += 1;
      if (loads === 2) server.send("a", "b");
      const { position } = server;
      shown = [...server.titles];
      if (loads === 2) {
        await sendAndWait("c");
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
