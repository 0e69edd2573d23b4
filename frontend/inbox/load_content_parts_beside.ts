/** In the place of load_content_parts.ts (build.mjs): a script beside that of the component, as the languages are. */

import type { ContentParts } from "./load_content_parts.js";
import { loadBeside } from "./own_address.js";

export function loadContentParts(): Promise<ContentParts> {
  return loadBeside<ContentParts>("parts");
}
