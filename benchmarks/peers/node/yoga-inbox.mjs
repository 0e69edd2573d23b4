// GraphQL Yoga over HTTP, as its documentation has it.
import { createServer } from "node:http";
import { createSchema, createYoga } from "graphql-yoga";
import { bearer, port, resolvers, sdl } from "./inbox.mjs";

const yoga = createYoga({
  schema: createSchema({ typeDefs: sdl, resolvers }),
  graphqlEndpoint: "/graphql/",
  logging: "error",
  context: async ({ request }) => ({ user: await bearer(request.headers.get("authorization")) }),
});
createServer(yoga).listen(port, "127.0.0.1", 2048);
