import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { GraphQLError } from "graphql";
import WebSocketImpl from "ws";
import { type Connection, type ConnectionOptions, createResumingClient } from "../client/index.js";
import { InboxServer } from "./inbox_server.js";
import { until } from "./waiting.js";

const DOCUMENT =
  "subscription ($after: String) { notificationEvents(after: $after) { __typename position title reason } }";

let server: InboxServer;
let connection: Connection;

beforeEach(async () => {
  server = await new InboxServer().start();
});

afterEach(async () => {
  await connection.dispose();
  await server.stop();
});

function connectWith(options: Partial<ConnectionOptions> = {}): Connection {
  connection = createResumingClient({
    url: server.url,
    webSocketImpl: WebSocketImpl,
    firstWaitMs: 10,
    longestWaitMs: 40,
    idleMs: 0,
    ...options,
  });
  return connection;
}

interface Heard {
  titles: (string | undefined)[];
  errors: unknown[];
  completed: number;
  stop: () => void;
}

function listen(after: string | null, query = DOCUMENT): Heard {
  const heard: Heard = { titles: [], errors: [], completed: 0, stop: () => undefined };
  heard.stop = connection.subscribe<{ notificationEvents: { title?: string; reason?: string } }>(
    { query, variables: { after } },
    {
      next: ({ data }) => {
        const event = data?.notificationEvents;
        heard.titles.push(event?.reason ?? event?.title);
      },
      error: (error) => heard.errors.push(error),
      complete: () => {
        heard.completed += 1;
      },
    },
  );
  return heard;
}

describe("a resuming subscription", () => {
  test("begins after the position that it is given", async () => {
    server.send("a", "b", "c");
    connectWith();
    const heard = listen("e.1");
    await until("two events", () => heard.titles.length === 2);
    assert.deepEqual(heard.titles, ["b", "c"]);
  });

  test("gives what was missed, once and in order, when the connection was cut", async () => {
    connectWith();
    const heard = listen("0");
    await until("the subscription", () => server.asked.length === 1);
    server.send("a", "b");
    await until("two events", () => heard.titles.length === 2);
    server.cut();
    server.send("c", "d");
    await until("four events", () => heard.titles.length === 4);
    assert.deepEqual(heard.titles, ["a", "b", "c", "d"]);
    assert.deepEqual(server.asked, ["0", "e.2"]);
  });

  // The fatal codes of graphql-ws are among them: no server fault may end a subscription for good.
  for (const code of [1000, 1001, 1011, 1012, 4400, 4401, 4403, 4408, 4429, 4500]) {
    test(`resumes after a close with ${code}`, async () => {
      connectWith();
      const heard = listen("0");
      await until("the subscription", () => server.asked.length === 1);
      server.send("a");
      await until("an event", () => heard.titles.length === 1);
      server.close(code);
      server.send("b");
      await until("the next event", () => heard.titles.length === 2);
      assert.deepEqual([heard.titles, heard.errors], [["a", "b"], []]);
    });
  }

  test("drops what the server tells again", async () => {
    server.repeat = 3;
    connectWith();
    const heard = listen("0");
    await until("the subscription", () => server.asked.length === 1);
    server.send("a", "b");
    await until("the last event", () => heard.titles.includes("b"));
    server.send("c");
    await until("one more", () => heard.titles.includes("c"));
    assert.deepEqual(heard.titles, ["a", "b", "c"]);
  });

  test("survives a server that is away for many attempts", async () => {
    connectWith();
    const heard = listen("0");
    await until("the subscription", () => server.asked.length === 1);
    await server.stop();
    await until("several attempts", () => {
      const { status } = connection;
      return status.state === "waiting" && status.attempt > 7;
    });
    server.send("a");
    await server.start();
    await until("the event", () => heard.titles.length === 1);
    assert.deepEqual(server.asked, ["0", "0"]);
  });

  test("hands on a reset and goes on from its position", async () => {
    server.send("a", "b");
    connectWith();
    const heard = listen("e.2");
    await until("the subscription", () => server.asked.length === 1);
    server.restore("f", "x");
    server.cut();
    await until("the reset", () => heard.titles.length === 1);
    server.send("y");
    await until("an event", () => heard.titles.length === 2);
    server.cut();
    await until("another connection", () => server.asked.length === 3);
    assert.deepEqual(heard.titles, ["EPOCH", "y"]);
    assert.deepEqual(server.asked, ["e.2", "e.2", "f.2"]);
  });

  test("ends with an error that is about the operation", async () => {
    server.refuse = new GraphQLError("No.", { extensions: { code: "BAD_USER_INPUT" } });
    connectWith();
    const heard = listen("0");
    await until("the error", () => heard.errors.length === 1);
    server.refuse = undefined;
    assert.deepEqual([heard.titles, heard.completed], [[], 0]);
  });

  test("does not end with an error of the server's", async () => {
    server.refuse = new GraphQLError("Oops.", { extensions: { code: "INTERNAL_SERVER_ERROR" } });
    connectWith();
    const heard = listen("0");
    await until("the connection", () => server.tokens.length === 1);
    server.refuse = undefined;
    server.send("a");
    await until("the event", () => heard.titles.length === 1);
    assert.deepEqual(heard.errors, []);
  });

  test("says so when its events carry no position", async () => {
    connectWith();
    const query =
      "subscription ($after: String) { notificationEvents(after: $after) { __typename title } }";
    const heard = listen("0", query);
    await until("the subscription", () => server.asked.length === 1);
    server.send("a");
    await until("the error", () => heard.errors.length === 1);
    assert.match(String(heard.errors[0]), /__typename.*position/);
  });

  test("stops when it is told, once", async () => {
    connectWith();
    const heard = listen("0");
    await until("the subscription", () => server.asked.length === 1);
    heard.stop();
    heard.stop();
    server.send("a");
    await until("the connection to end", () => connection.status.state !== "connected");
    assert.deepEqual([heard.titles, heard.completed], [[], 1]);
  });

  test("can be iterated", async () => {
    connectWith();
    const titles: unknown[] = [];
    server.send("a", "b");
    const events = connection.iterate<{ notificationEvents: { title: string } }>({
      query: DOCUMENT,
      variables: { after: "0" },
    });
    for await (const { data } of events) {
      titles.push(data?.notificationEvents.title);
      if (titles.length === 2) break;
    }
    assert.deepEqual(titles, ["a", "b"]);
  });
});

describe("a connection", () => {
  test("asks for a fresh token when the server closes for expiry", async () => {
    const needs: boolean[] = [];
    connectWith({
      token: async ({ refresh }) => {
        needs.push(refresh);
        return `t${needs.length}`;
      },
    });
    listen("0");
    await until("the subscription", () => server.asked.length === 1);
    server.close(4403, "Token expired");
    await until("the next", () => server.asked.length === 2);
    server.cut();
    await until("the one after", () => server.asked.length === 3);
    assert.deepEqual(server.tokens, ["Bearer t1", "Bearer t2", "Bearer t3"]);
    assert.deepEqual(needs, [false, true, false]);
  });

  test("tries again when the token cannot be fetched", async () => {
    let calls = 0;
    connectWith({
      token: async () => {
        calls += 1;
        if (calls < 4) throw new Error("The sign-in service is away.");
        return "t";
      },
    });
    listen("0");
    await until("the subscription", () => server.asked.length === 1);
    assert.deepEqual([calls, server.tokens], [4, ["Bearer t"]]);
  });

  test("goes on knocking when its token is refused at the door", async () => {
    let good = false;
    server.admit = (_token, socket) => {
      if (!good) socket.close(4403, "Forbidden");
      return good;
    };
    connectWith({ token: "t" });
    const heard = listen("0");
    await until("several attempts", () => server.tokens.length > 7);
    good = true;
    await until("the subscription", () => server.asked.length === 1);
    assert.deepEqual(heard.errors, []);
  });

  test("leaves a socket that has gone silent", async () => {
    connectWith({ pingEveryMs: 30, pongWithinMs: 30 });
    const heard = listen("0");
    await until("the subscription", () => server.asked.length === 1);
    // The other end is still there, but nothing that it sends arrives: a half-open connection.
    for (const socket of server.sockets) {
      socket.pause();
    }
    await until("another subscription", () => server.asked.length > 1);
    server.send("a");
    await until("the event", () => heard.titles.length === 1);
  });

  test("leaves an attempt that gets no answer", async () => {
    let mute = true;
    const stuck = new Promise<void>(() => undefined);
    server.admit = () => (mute ? (stuck as unknown as boolean) : true);
    connectWith({ connectWithinMs: 50 });
    listen("0");
    await until("an attempt", () => server.tokens.length === 1);
    mute = false;
    await until("the subscription", () => server.asked.length === 1);
  });

  test("stays open while a sign of life comes", async () => {
    connectWith({ pingEveryMs: 10, pongWithinMs: 5_000 });
    listen("0");
    let pongs = 0;
    connection.on("pong", (received) => {
      if (received) pongs += 1;
    });
    await until("several pongs", () => pongs > 5);
    assert.equal(server.tokens.length, 1);
  });

  test("tells how it stands", async () => {
    connectWith();
    const told: string[] = [connection.status.state];
    connection.onStatus((status) => {
      told.push(status.state === "waiting" ? `waiting after ${status.code}` : status.state);
    });
    const heard = listen("0");
    await until("the subscription", () => server.asked.length === 1);
    server.close(1012);
    await until("the next", () => server.asked.length === 2);
    heard.stop();
    await until("the end", () => connection.status.state !== "connected");
    assert.deepEqual(told.slice(0, 6), [
      "idle",
      "connecting",
      "connected",
      "waiting after 1012",
      "connecting",
      "connected",
    ]);
  });

  test("passes other operations as they are", async () => {
    connectWith();
    const answers: unknown[] = [];
    for await (const { data } of connection.iterate({ query: "{ ping }" })) answers.push(data);
    assert.deepEqual(answers, [{ ping: "pong" }]);
  });
});
