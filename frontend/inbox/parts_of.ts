/** Loads what shows the parts that few notifications have, with the first of them. */

import type { Notification } from "../client/index.js";
import type { ItemSettings } from "./item.js";
import { loadContentParts } from "./parts.js";

type ContentParts = typeof import("./content_parts.js");

let loaded: ContentParts | undefined;
let loading: Promise<void> | undefined;

/** Return what shows parts, if it is there. If it is needed, for what the page wants as well, load it and call back. */
export function partsOf(notification: Notification, settings: ItemSettings, onLoad: () => void): ContentParts | undefined {
  const { icon, actor, actions, format, groupCount, target, link } = notification;
  // Lists that were stored before there were parts do not have them.
  const hasContent = actor || actions?.length || format === "MARKDOWN" || icon || groupCount > 1;
  const isNeeded = settings.showsData || settings.renderRow || hasContent || (target && !link);
  if (!loaded && isNeeded) {
    loading ??= loadContentParts().then((parts) => {
      loaded = parts;
    });
    // The next one tries again.
    loading.then(onLoad, () => {
      loading = undefined;
    });
  }
  return loaded;
}
