import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { GraphQLError } from "graphql";
import { type Connection, type ConnectionOptions, createResumingClient } from "../client/index.js";
import { InboxServer } from "./inbox_server.js";
import { until } from "./until.js";

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
  connection = createResumingClient({ ...server.connectionOptions, ...options });
  return connection;
}

interface Received {
  titles: (string | undefined)[];
  errors: unknown[];
  completed: number;
  stop: () => void;
}

function listen(after: string | null, query = DOCUMENT): Received {
  const received: Received = { titles: [], errors: [], completed: 0, stop: () => undefined };
  received.stop = connection.subscribe<{ notificationEvents: { title?: string; reason?: string } }>(
    { query, variables: { after } },
    {
      next: ({ data }) => {
        const event = data?.notificationEvents;
        received.titles.push(event?.reason ?? event?.title);
      },
      error: (error) => received.errors.push(error),
      complete: () => {
        received.completed += 1;
      },
    },
  );
  return received;
}

describe("a resuming subscription", () => {
  test("begins after the given position", async () => {
    server.send("a", "b", "c");
    connectWith();
    const received = listen("e.1");
    await until("two events", () => received.titles.length === 2);
    assert.deepEqual(received.titles, ["b", "c"]);
  });

  test("delivers what it missed, once and in order, when the connection was cut", async () => {
    connectWith();
    const received = listen("0");
    await until("the subscription", () => server.subscribed.length === 1);
    server.send("a", "b");
    await until("two events", () => received.titles.length === 2);
    server.cut();
    server.send("c", "d");
    await until("four events", () => received.titles.length === 4);
    assert.deepEqual(received.titles, ["a", "b", "c", "d"]);
    assert.deepEqual(server.subscribed, ["0", "e.2"]);
  });

  // The fatal codes of graphql-ws are among them: no failure of the server may end a subscription for good.
  for (const code of [1000, 1001, 1011, 1012, 4400, 4401, 4403, 4408, 4429, 4500]) {
    test(`resumes after a close with ${code}`, async () => {
      connectWith();
      const received = listen("0");
      await until("the subscription", () => server.subscribed.length === 1);
      server.send("a");
      await until("an event", () => received.titles.length === 1);
      server.close(code);
      server.send("b");
      await until("the next event", () => received.titles.length === 2);
      assert.deepEqual([received.titles, received.errors], [["a", "b"], []]);
    });
  }

  test("drops what the server sends again", async () => {
    server.repeat = 3;
    connectWith();
    const received = listen("0");
    await until("the subscription", () => server.subscribed.length === 1);
    server.send("a", "b");
    await until("the last event", () => received.titles.includes("b"));
    server.send("c");
    await until("one more", () => received.titles.includes("c"));
    assert.deepEqual(received.titles, ["a", "b", "c"]);
  });

  test("resumes whatever stands before it in its document", async () => {
    connectWith();
    const query =
      "fragment F on NotificationAdded{title}subscription S($after:String)" +
      "{notificationEvents(after:$after){__typename position ...F}}";
    const received = listen(null, query);
    await until("the subscription", () => server.subscribed.length === 1);
    server.send("a");
    await until("an event", () => received.titles.length === 1);
    server.cut();
    server.send("b", "c");
    await until("the others", () => received.titles.length === 3);
    assert.deepEqual(received.titles, ["a", "b", "c"]);
  });

  for (const moment of ["while it is live", "while it waits for the server"]) {
    test(`ends when its connection is disposed of ${moment}`, async () => {
      connectWith({ firstWaitMs: 60_000, longestWaitMs: 60_000 });
      const received = listen("0");
      await until("the subscription", () => server.subscribed.length === 1);
      if (moment !== "while it is live") {
        server.cut();
        await until("the wait", () => connection.status.state === "waiting");
      }
      await connection.dispose();
      await until("the end", () => received.completed === 1);
      assert.deepEqual(received.errors, []);
      assert.equal(server.subscribed.length, 1);
    });
  }

  test("fails at once on a connection that was disposed of", async () => {
    connectWith();
    await connection.dispose();
    const received = listen("0");
    const other = listen("0", "{ ping }");
    await until("both errors", () => received.errors.length + other.errors.length === 2);
    assert.match(String(received.errors[0]), /This connection was disposed of/);
    assert.equal(server.attempts, 0);
  });

  test("survives a server that is away for many attempts", async () => {
    connectWith();
    const received = listen("0");
    await until("the subscription", () => server.subscribed.length === 1);
    await server.stop();
    await until("several attempts", () => {
      const { status } = connection;
      return status.state === "waiting" && status.attempt > 7;
    });
    server.send("a");
    await server.start();
    await until("the event", () => received.titles.length === 1);
    assert.deepEqual(server.subscribed, ["0", "0"]);
  });

  test("delivers a reset and goes on from its position", async () => {
    server.send("a", "b");
    connectWith();
    const received = listen("e.2");
    await until("the subscription", () => server.subscribed.length === 1);
    server.restore("f", "x");
    server.cut();
    await until("the reset", () => received.titles.length === 1);
    server.send("y");
    await until("an event", () => received.titles.length === 2);
    server.cut();
    await until("another connection", () => server.subscribed.length === 3);
    assert.deepEqual(received.titles, ["EPOCH", "y"]);
    assert.deepEqual(server.subscribed, ["e.2", "e.2", "f.2"]);
  });

  test("ends with an error that is about the operation", async () => {
    server.refuse = new GraphQLError("No.", { extensions: { code: "BAD_USER_INPUT" } });
    connectWith();
    const received = listen("0");
    await until("the error", () => received.errors.length === 1);
    server.refuse = undefined;
    assert.deepEqual([received.titles, received.completed], [[], 0]);
  });

  for (const code of ["INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "RATE_LIMITED"]) {
    test(`is retried after ${code}`, async () => {
      server.refuse = new GraphQLError("Oops.", { extensions: { code } });
      connectWith();
      const received = listen("0");
      await until("the connection", () => server.tokens.length === 1);
      server.refuse = undefined;
      server.send("a");
      await until("the event", () => received.titles.length === 1);
      assert.deepEqual(received.errors, []);
    });
  }

  test("reports an error when its events have no position", async () => {
    connectWith();
    const query =
      "subscription ($after: String) { notificationEvents(after: $after) { __typename title } }";
    const received = listen("0", query);
    await until("the subscription", () => server.subscribed.length === 1);
    server.send("a");
    await until("the error", () => received.errors.length === 1);
    assert.match(String(received.errors[0]), /__typename.*position/);
  });

  test("stops, once", async () => {
    connectWith();
    const received = listen("0");
    await until("the subscription", () => server.subscribed.length === 1);
    received.stop();
    received.stop();
    server.send("a");
    await until("the connection to end", () => connection.status.state !== "connected");
    assert.deepEqual([received.titles, received.completed], [[], 1]);
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
    await until("the subscription", () => server.subscribed.length === 1);
    server.close(4403, "Token expired");
    await until("the next", () => server.subscribed.length === 2);
    server.cut();
    await until("the one after", () => server.subscribed.length === 3);
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
    await until("the subscription", () => server.subscribed.length === 1);
    assert.deepEqual([calls, server.tokens], [4, ["Bearer t"]]);
  });

  test("keeps connecting while its token is refused", async () => {
    let isAccepted = false;
    server.accept = (_token, socket) => {
      if (!isAccepted) socket.close(4403, "Forbidden");
      return isAccepted;
    };
    connectWith({ token: "t" });
    const received = listen("0");
    await until("several attempts", () => server.tokens.length > 7);
    isAccepted = true;
    await until("the subscription", () => server.subscribed.length === 1);
    assert.deepEqual(received.errors, []);
  });

  test("drops a socket that has gone silent", async () => {
    connectWith({ pingEveryMs: 30, pongWithinMs: 30 });
    const received = listen("0");
    await until("the subscription", () => server.subscribed.length === 1);
    // The other end is still there, but nothing that it sends arrives: the connection is half-open.
    for (const socket of server.sockets) {
      socket.pause();
    }
    await until("another subscription", () => server.subscribed.length > 1);
    server.send("a");
    await until("the event", () => received.titles.length === 1);
  });

  test("drops an attempt that gets no answer", async () => {
    let isSilent = true;
    const stuck = new Promise<void>(() => undefined);
    server.accept = () => (isSilent ? (stuck as unknown as boolean) : true);
    connectWith({ connectWithinMs: 50 });
    listen("0");
    await until("an attempt", () => server.tokens.length === 1);
    isSilent = false;
    await until("the subscription", () => server.subscribed.length === 1);
  });

  test("stays open while pongs arrive", async () => {
    connectWith({ pingEveryMs: 10, pongWithinMs: 5_000 });
    listen("0");
    let pongs = 0;
    connection.on("pong", (received) => {
      if (received) pongs += 1;
    });
    await until("several pongs", () => pongs > 5);
    assert.equal(server.tokens.length, 1);
  });

  test("reports its status", async () => {
    connectWith();
    const states: string[] = [connection.status.state];
    connection.onStatus((status) => {
      states.push(status.state === "waiting" ? `waiting after ${status.code}` : status.state);
    });
    const received = listen("0");
    await until("the subscription", () => server.subscribed.length === 1);
    server.close(1012);
    await until("the next", () => server.subscribed.length === 2);
    received.stop();
    await until("the end", () => connection.status.state !== "connected");
    assert.deepEqual(states.slice(0, 6), [
      "idle",
      "connecting",
      "connected",
      "waiting after 1012",
      "connecting",
      "connected",
    ]);
  });

  test("leaves other operations as they are", async () => {
    connectWith();
    const answers: unknown[] = [];
    for await (const { data } of connection.iterate({ query: "{ ping }" })) answers.push(data);
    assert.deepEqual(answers, [{ ping: "pong" }]);
  });

  // 1008, 1011, 4401 and 4500 are final for graphql-ws. A proxy before a server that is away closes with them, too.
  for (const code of [1001, 1008, 1011, 1013, 4401, 4403, 4408, 4500]) {
    test(`sends an operation again after closes with ${code}`, async () => {
      server.accept = (_, socket) => {
        if (server.attempts > 3) return true;
        socket.close(code);
        return false;
      };
      connectWith({ transport: "websocket" });
      const answers: unknown[] = [];
      for await (const { data } of connection.iterate({ query: "{ ping }" })) answers.push(data);
      assert.deepEqual([answers, server.attempts], [[{ ping: "pong" }], 4]);
    });
  }

  for (const code of [1002, 1007, 1009, 4400, 4406, 4409, 4429]) {
    test(`fails an operation after a close with ${code}, which it has caused itself`, async () => {
      server.accept = (_, socket) => {
        socket.close(code);
        return false;
      };
      connectWith({ transport: "websocket" });
      const operation = connection.iterate({ query: "{ ping }" });
      await assert.rejects(operation.next(), (error: { code?: number }) => error.code === code);
      assert.equal(server.attempts, 1);
    });
  }
});
