/** Draws the icons that notifications name. Those that are known here are drawings of this project. */

import type { Notification } from "../client/index.js";
import { drawing, element } from "./dom.js";

/** How a page draws an icon: an element that is copied, the address of a picture, or a function that makes a node. */
export type IconDrawing = string | Element | ((notification: Notification) => Node | null);

/** Drawings by the names of icons. */
export type Icons = Readonly<Record<string, IconDrawing>>;

/** Lines on 24 by 24. */
const DRAWINGS: Readonly<Record<string, string>> = {
  bell: "M6 9a6 6 0 1 1 12 0c0 5 2 6 2 7H4c0-1 2-2 2-7Zm3.5 10a2.6 2.6 0 0 0 5 0",
  calendar: "M4 6h16v14H4Zm0 4.5h16M8.5 3.5V8m7-4.5V8",
  card: "M3 6h18v12H3Zm0 4h18M6.5 14.5h4",
  cart: "M3 4h2.5L8 15h10l2.5-8H6M9.5 19.5h.01m7.49 0h.01",
  check: "m5 12.5 4.5 4.5L19 7.5",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 4v4.5l3 2",
  document: "M6 3.5h8l4 4v13H6Zm8 0v4h4M9 12h6m-6 4h6",
  gift: "M4 9h16v4H4Zm1.5 4v7h13v-7M12 9v11m0-11C9 9 7 7.5 8 5.5s4-.5 4 3.5c0-4 3-5.5 4-3.5S15 9 12 9Z",
  heart: "M12 20C7 16 4 13 4 9.5a4 4 0 0 1 8-1 4 4 0 0 1 8 1c0 3.5-3 6.5-8 10.5Z",
  info: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 7v5m0-8.5h.01",
  "light-bulb": "M9.5 17c0-3-3-3.5-3-7.5a5.5 5.5 0 0 1 11 0c0 4-3 4.5-3 7.5Zm.5 3.5h4",
  lock: "M6 11h12v9H6Zm2.5 0V8a3.5 3.5 0 0 1 7 0v3",
  mail: "M3.5 6h17v12h-17Zm0 1 8.5 6.5L20.5 7",
  message: "M4 5h16v11h-9l-4.5 4v-4H4Z",
  receipt: "M6 3.5h12v17l-3-2-3 2-3-2-3 2ZM9 8.5h6m-6 4h6",
  shield: "M12 3.5 19 6v5.5c0 4-3 7-7 9-4-2-7-5-7-9V6Z",
  star: "m12 4 2.5 5.2 5.5.8-4 4 1 5.5-5-2.7-5 2.7 1-5.5-4-4 5.5-.8Z",
  tag: "M4 4h8l8.5 8.5-8 8L4 12Zm4 4h.01",
  truck: "M3 6h11v10H3Zm11 3.5h4l3 3.5v3h-7M7 18.5h.01m10 0h.01",
  user: "M12 4.5a3.7 3.7 0 1 0 0 7.4 3.7 3.7 0 0 0 0-7.4ZM5 20c0-4 3-5.5 7-5.5s7 1.5 7 5.5",
  warning: "M12 4 21 19.5H3ZM12 10v4.5m0 2.5h.01",
};

/** Return the drawing of the icon that a notification names: the page's, or else this project's; null if there is none. */
export function namedIcon(notification: Notification, own: Icons | undefined): Node | null {
  const name = notification.icon ?? "";
  const found = own && Object.hasOwn(own, name) ? own[name] : undefined;
  if (typeof found === "string") return element("img", { src: found, alt: "", loading: "lazy" });
  if (typeof found === "function") return attempt(() => found(notification));
  if (found) return found.cloneNode(true);
  const path = Object.hasOwn(DRAWINGS, name) ? DRAWINGS[name] : undefined;
  return path ? drawing(path) : null;
}

/** Return what a function of the page makes; null, and an error on the console, if it fails. */
export function attempt(make: () => Node | null): Node | null {
  try {
    return make();
  } catch (error) {
    console.error("<notification-inbox>: a function of the page failed, so the usual is shown.", error);
    return null;
  }
}
