// Mercurius on Fastify, with queries compiled when they come for the second time.
import fastifyJwt from "@fastify/jwt";
import Fastify from "fastify";
import mercurius from "mercurius";
import { account, port, resolvers, sdl, secret } from "./inbox.mjs";

const app = Fastify();
app.register(fastifyJwt, { secret, verify: { algorithms: ["HS256"] } });
app.register(mercurius, {
  schema: sdl,
  resolvers,
  path: "/graphql/",
  jit: 1,
  async context(request) {
    const { sub } = await request.jwtVerify();
    return { user: await account(sub) };
  },
});
await app.listen({ port, host: "127.0.0.1", backlog: 2048 });
