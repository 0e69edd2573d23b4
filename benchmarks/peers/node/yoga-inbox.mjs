// GraphQL Yoga over HTTP, as its documentation has it.
import { createServer } from "node:http";
import { createSchema, createYoga } from "graphql-yoga";
import jwt from "jsonwebtoken";
import { account, port, resolvers, sdl, secret } from "./inbox.mjs";

const yoga = createYoga({
  schema: createSchema({ typeDefs: sdl, resolvers }),
  graphqlEndpoint: "/graphql/",
  logging: "error",
  async context({ request }) {
    const token = request.headers.get("authorization")?.slice("Bearer ".length);
    const { sub } = jwt.verify(token, secret, { algorithms: ["HS256"] });
    return { user: await account(sub) };
  },
});
createServer(yoga).listen(port, "127.0.0.1", 2048);
