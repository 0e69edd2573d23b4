// The reference server of graphql-transport-ws: graphql-ws on ws, events from Redis by ioredis.
import { createServer } from "node:http";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import { connect, port, schema } from "./event.mjs";

const redis = await connect();
const listeners = new Map();
redis.on("message", (channel, text) => {
  const event = JSON.parse(text);
  for (const listener of listeners.get(channel) ?? []) listener(event);
});

// An async iterator over the events of one channel: a queue for each subscription.
function events(channel) {
  const queue = [];
  let waiting = null;
  const listener = (event) => {
    const value = { value: { notificationEvents: event }, done: false };
    if (waiting) {
      waiting(value);
      waiting = null;
    } else queue.push(value);
  };
  let group = listeners.get(channel);
  if (!group) {
    listeners.set(channel, (group = new Set()));
    redis.subscribe(channel);
  }
  group.add(listener);
  return {
    next: () =>
      queue.length ? Promise.resolve(queue.shift()) : new Promise((resolve) => (waiting = resolve)),
    return() {
      group.delete(listener);
      if (!group.size && listeners.delete(channel)) redis.unsubscribe(channel);
      waiting?.({ value: undefined, done: true });
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

schema.getSubscriptionType().getFields().notificationEvents.subscribe = (_, __, context) =>
  events(`user.${context.connectionParams.user}`);

const server = createServer((_, response) => response.end());
useServer({ schema, context: (context) => context }, new WebSocketServer({ server, path: "/graphql/" }));
server.listen(port, "127.0.0.1", 2048);
