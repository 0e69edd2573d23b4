import { defineConfig } from "vite";

// The pages of `npm run dev` show the inbox of this server (`make run`): what they ask is passed on, with the sockets.
const target = process.env.LIVE_INBOX_SERVER ?? "http://127.0.0.1:8000";

export default defineConfig({
  server: { proxy: { "/graphql/": { target, ws: true }, "/demo-token": { target } } },
});
