// GraphQL Yoga with sockets, as its documentation has it: lists over HTTP, subscriptions by graphql-ws.
import { createServer } from "node:http";
import { createRedisEventTarget } from "@graphql-yoga/redis-event-target";
import { createPubSub } from "@graphql-yoga/subscription";
import { useServer } from "graphql-ws/use/ws";
import { createSchema, createYoga } from "graphql-yoga";
import { WebSocketServer } from "ws";
import { connect } from "./event.mjs";
import { bearer, port, resolvers, sdl } from "./inbox.mjs";

const pubSub = createPubSub({
  eventTarget: createRedisEventTarget({
    publishClient: await connect(),
    subscribeClient: await connect(),
  }),
});

const events = /* GraphQL */ `
  extend type Notification { data: JSON! }
  interface NotificationEvent { position: String! unreadCount: Int! occurredAt: String! }
  type NotificationAdded implements NotificationEvent {
    position: String!
    unreadCount: Int!
    occurredAt: String!
    notification: Notification!
  }
  type Subscription { notificationEvents(after: String): NotificationEvent! }
`;

const yoga = createYoga({
  schema: createSchema({
    typeDefs: [sdl, events],
    resolvers: {
      ...resolvers,
      NotificationEvent: { __resolveType: (event) => event.__typename },
      Subscription: {
        notificationEvents: {
          subscribe: (_, __, { user: { id } }) => pubSub.subscribe(`user.${id}`),
          resolve: (event) => event,
        },
      },
    },
  }),
  graphqlEndpoint: "/graphql/",
  logging: "error",
  // On a socket, the account was read before the acknowledgement.
  context: async ({ request, extra }) => ({
    user: extra?.user ?? (await bearer(request.headers.get("authorization"))),
  }),
});
const server = createServer(yoga);
useServer(
  {
    async onConnect({ connectionParams, extra }) {
      extra.user = await bearer(connectionParams?.Authorization);
    },
    execute: (args) => args.rootValue.execute(args),
    subscribe: (args) => args.rootValue.subscribe(args),
    async onSubscribe(context, id, params) {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...context,
        req: context.extra.request,
        socket: context.extra.socket,
        params,
      });
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      };
      const errors = validate(args.schema, args.document);
      return errors.length ? errors : args;
    },
  },
  new WebSocketServer({ server, path: "/graphql/" }),
);
server.listen(port, "127.0.0.1", 2048);
