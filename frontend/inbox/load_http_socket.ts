/** In the place of client/load_http_socket.ts (build.mjs): a script beside that of the component, as the languages are. */

import type { HttpSocket } from "../client/http_socket.js";
import { loadBeside } from "./own_address.js";

export async function loadHttpSocket(): Promise<typeof HttpSocket> {
  return (await loadBeside<{ HttpSocket: typeof HttpSocket }>("http")).HttpSocket;
}
