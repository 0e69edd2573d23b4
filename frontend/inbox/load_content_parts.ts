/** In pages that have the component inside their own script. The component itself has `load_content_parts_beside.ts`. */

export type ContentParts = typeof import("./content_parts.js");

export function loadContentParts(): Promise<ContentParts> {
  return import("./content_parts.js");
}
