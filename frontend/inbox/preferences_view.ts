/**
 * The preferences: a table of the types of notification by category, with a switch for each, or for each channel where
 * there are several. A part of its own, loaded when it is opened.
 */

import { adoptStyles } from "./adopt_styles.js";
import { element } from "./dom.js";
import { PREFERENCES_WORDS } from "./languages/en_parts.js";
import css from "./preferences.shadow.css";
import { type ChannelPreference, IN_APP, type InboxSource, type Preference } from "./source.js";
import type { Texts } from "./strings.js";
import type { ActionContext } from "./user_actions.js";

/** What is shown: what the user wants of each type that the server declares or that they have chosen about. */
interface ShownPreferences {
  readonly preferences: readonly Preference[];
  /** The labels of the types that the list has shown, by type. */
  readonly seen: ReadonlyMap<string, string>;
  readonly texts: Texts;
  /** Called when a switch is used. */
  set(type: string, enabled: boolean, channel: string): void;
}

/** Show the preferences in the place of the list, or the list. */
export async function togglePreferences({ panel, texts, list, actions }: ActionContext, source: InboxSource): Promise<void> {
  panel.showView(!panel.showsPreferences);
  if (!panel.showsPreferences) return;
  showPreferences(panel.preferences, {
    preferences: await source.preferences(),
    seen: list.types,
    texts,
    set: (...choice) => void actions.run((used) => used.setPreference(...choice)),
  });
}

/** Show the preferences in a place. */
function showPreferences(place: HTMLElement, shown: ShownPreferences): void {
  adoptStyles(place.getRootNode() as ShadowRoot, css);
  const { texts } = shown;
  texts.add(PREFERENCES_WORDS);
  const channels = channelsOf(shown);
  const rows = withSeen(shown);
  const intro = element("p", { class: "intro" }, texts.text(rows.length > 0 ? "preferencesIntro" : "noPreferences"));
  const table = element("table", { class: channels.length > 1 && "channels" });
  if (channels.length > 1) table.append(headOf(shown));
  for (const [category, members] of byCategory(rows)) {
    const group = element("tbody", {});
    if (category) {
      const columns = channels.length + 1;
      const heading = element("th", { scope: "rowgroup", colspan: columns, dir: "auto" }, category.replace(/[-_.]/g, " "));
      group.append(element("tr", {}, heading));
    }
    group.append(...members.map((row) => rowOf(row, shown)));
    table.append(group);
  }
  place.replaceChildren(intro, ...(rows.length > 0 ? [table] : []));
}

/** Return the names of the channels above their columns. */
function headOf(shown: ShownPreferences): HTMLElement {
  const { texts } = shown;
  const names = channelsOf(shown).map((each) => element("th", { scope: "col" }, element("bdi", {}, nameOf(each, texts))));
  return element("thead", {}, element("tr", {}, element("td", {}), ...names));
}

function rowOf(preference: Preference, shown: ShownPreferences): HTMLElement {
  const { label, description, channels } = preference;
  const name = element("th", { scope: "row" }, element("bdi", {}, label));
  if (description) name.append(element("small", { dir: "auto" }, description));
  return element("tr", {}, name, ...channels.map((each) => cellOf(preference, each, shown)));
}

function cellOf({ type, label, channels }: Preference, preference: ChannelPreference, shown: ShownPreferences): HTMLElement {
  const { texts, set } = shown;
  const { channel, enabled, required } = preference;
  const isOneOfSeveral = channels.length > 1;
  const name = isOneOfSeveral ? texts.text("channelOfType", { channel: nameOf(preference, texts), type: label }) : label;
  const input = element("input", { type: "checkbox", role: "switch", disabled: required, "aria-label": name });
  input.checked = enabled;
  input.addEventListener("change", () => set(type, input.checked, channel));
  const note = required && element("small", {}, texts.text("alwaysOn"));
  return element("td", {}, ...(isOneOfSeveral ? [input, note] : [note, note && " ", input]));
}

/** Return the name of a channel: for the inbox, the component's own word unless the site has another. */
function nameOf({ channel, label }: ChannelPreference, texts: Texts): string {
  return channel === IN_APP && label === IN_APP ? texts.text("inboxChannel") : label;
}

/** Return the channels of the site, the inbox first: each preference has all of them. */
function channelsOf({ preferences }: ShownPreferences): readonly ChannelPreference[] {
  return preferences[0]?.channels ?? [{ channel: IN_APP, label: IN_APP, enabled: true, required: false }];
}

/** Add a row for every type of the list that the server has no preference for: it is delivered to the inbox. */
function withSeen(shown: ShownPreferences): Preference[] {
  const { preferences, seen } = shown;
  const rows = new Map(preferences.map((each) => [each.type, each]));
  const states = channelsOf(shown).map((each) => ({ ...each, enabled: each.channel === IN_APP, required: false }));
  const unchosen = { enabled: true, required: false, description: "", category: null, channels: states };
  for (const [type, label] of seen) if (!rows.has(type)) rows.set(type, { type, label, ...unchosen });
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
