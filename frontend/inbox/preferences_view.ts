/**
 * The preferences: a table of the types of notification by category, with a switch for each. A part of its own, loaded
 * when it is opened.
 */

import { adoptStyles } from "./adopt_styles.js";
import { element } from "./dom.js";
import css from "./preferences.shadow.css";
import type { Preference } from "./source.js";
import type { Texts } from "./strings.js";

/**
 * Show what the user wants of each type: of those that the server declares or the user has chosen, and of those in `seen`,
 * by type, which the list has shown. `set` is called when a switch is used.
 */
export function showPreferences(
  place: HTMLElement,
  preferences: readonly Preference[],
  seen: ReadonlyMap<string, string>,
  texts: Texts,
  set: (type: string, enabled: boolean) => void,
): void {
  adoptStyles(place.getRootNode() as ShadowRoot, css);
  const rows = withSeen(preferences, seen);
  const intro = element("p", { class: "intro" }, texts.text(rows.length > 0 ? "preferencesIntro" : "noPreferences"));
  const table = element("table", {});
  for (const [category, members] of byCategory(rows)) {
    const group = element("tbody", {});
    if (category) {
      const heading = element("th", { scope: "rowgroup", colspan: 2, dir: "auto" }, category.replace(/[-_.]/g, " "));
      group.append(element("tr", {}, heading));
    }
    group.append(...members.map((row) => rowOf(row, texts, set)));
    table.append(group);
  }
  place.replaceChildren(intro, ...(rows.length > 0 ? [table] : []));
}

function rowOf(
  { type, label, description, enabled, required }: Preference,
  texts: Texts,
  set: (type: string, enabled: boolean) => void,
): HTMLElement {
  const input = element("input", { type: "checkbox", role: "switch", disabled: required, "aria-label": label });
  input.checked = enabled;
  input.addEventListener("change", () => set(type, input.checked));
  const name = element("th", { scope: "row" }, element("bdi", {}, label));
  if (description) name.append(element("small", { dir: "auto" }, description));
  const note = required && element("small", {}, `${texts.text("alwaysOn")} `);
  return element("tr", {}, name, element("td", {}, note, input));
}

/** Add a row for every type of the list that the server has no preference for. */
function withSeen(preferences: readonly Preference[], seen: ReadonlyMap<string, string>): Preference[] {
  const rows = new Map(preferences.map((each) => [each.type, each]));
  for (const [type, label] of seen) {
    if (!rows.has(type)) rows.set(type, { type, enabled: true, required: false, label, description: "", category: null });
  }
  return [...rows.values()];
}

/** Return the rows of each category, sorted by their names; those without a category come first. */
function byCategory(rows: readonly Preference[]): Map<string, Preference[]> {
  const groups = new Map<string, Preference[]>([["", []]]);
  for (const row of [...rows].sort((a, b) => a.label.localeCompare(b.label))) {
    const category = row.category ?? "";
    groups.set(category, [...(groups.get(category) ?? []), row]);
  }
  return groups;
}
