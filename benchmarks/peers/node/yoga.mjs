// GraphQL Yoga as its documentation has it for subscriptions over WebSocket with several servers.
import { createServer } from "node:http";
import { createRedisEventTarget } from "@graphql-yoga/redis-event-target";
import { createPubSub } from "@graphql-yoga/subscription";
import { useServer } from "graphql-ws/use/ws";
import { createSchema, createYoga } from "graphql-yoga";
import { WebSocketServer } from "ws";
import { connect, port, sdl } from "./event.mjs";

const pubSub = createPubSub({
  eventTarget: createRedisEventTarget({
    publishClient: await connect(),
    subscribeClient: await connect(),
  }),
});
const resolvers = {
  NotificationEvent: { __resolveType: (event) => event.__typename },
  Subscription: {
    notificationEvents: {
      subscribe: (_, __, context) => pubSub.subscribe(`user.${context.connectionParams.user}`),
      resolve: (event) => event,
    },
  },
};
const yoga = createYoga({ schema: createSchema({ typeDefs: sdl, resolvers }), graphqlEndpoint: "/graphql/" });
const server = createServer(yoga);
useServer(
  {
    execute: (args) => args.rootValue.execute(args),
    subscribe: (args) => args.rootValue.subscribe(args),
    onSubscribe: async (context, id, params) => {
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
