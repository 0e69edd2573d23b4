/** Loads the stand-in for WebSockets, which few networks need. The component has a script beside it in its place. */

import type { HttpSocket } from "./http_socket.js";

export async function loadHttpSocket(): Promise<typeof HttpSocket> {
  return (await import("./http_socket.js")).HttpSocket;
}
