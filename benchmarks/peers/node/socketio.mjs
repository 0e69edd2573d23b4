// socket.io with its Redis adapter: a room for each user, no GraphQL.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Server } from "socket.io";
import { connect, port } from "./event.mjs";

const publisher = await connect();
const server = createServer();
const io = new Server(server, {
  adapter: createAdapter(publisher, await connect()),
  transports: ["websocket"],
});
io.on("connection", (socket) => socket.join(`user.${socket.handshake.query.user}`));
server.listen(port, "127.0.0.1", 2048);
