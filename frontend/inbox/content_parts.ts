/**
 * What few notifications have: a picture or an icon, what the page draws, buttons, a group, a formatted message, a link by what they are about; and their
 * data, for developers. A script of its own beside the component, loaded with the first of them; until then, and without it,
 * their texts are shown.
 */

import type { Notification, NotificationAction } from "../client/index.js";
import { adoptStyles } from "./adopt_styles.js";
import type { Row } from "./arrangement.js";
import css from "./content_parts.shadow.css";
import { element, icon, setAttributes } from "./dom.js";
import type { ItemSettings } from "./item.js";
import { attempt, namedIcon } from "./icons.js";
import { CONTENT_WORDS } from "./languages/en_parts.js";
import { markdown } from "./markdown.js";
import { fullTime, relativeTime } from "./relative_time.js";
import { safeLink } from "./safe_link.js";
import { followTarget } from "./target_link.js";

/** What a row shows, for the listeners of its buttons. */
const rows = new WeakMap<HTMLElement, Row>();
const messages = new WeakMap<HTMLElement, string>();
/** The keys of the groups that stand open in a list: the next row of such a group opens by itself. */
const openGroups = new WeakMap<ItemSettings, Set<string>>();

/**
 * Show the parts of a notification in its row, and update them. What is as it was is not touched. `setLink` is called with
 * the link of what it is about, if it has no link of its own.
 */
export function showParts(
  root: HTMLElement,
  message: HTMLElement,
  row: Row,
  settings: ItemSettings,
  setLink: (link: string) => void,
): void {
  rows.set(root, row);
  // The row is in its place only after this turn of the event loop.
  queueMicrotask(() => {
    const shadow = root.getRootNode();
    if (shadow instanceof ShadowRoot) adoptStyles(shadow, css);
  });
  const { notification } = row;
  showContent(root, notification, settings);
  showAvatar(root, notification, settings);
  showMessage(message, notification);
  showChoices(root, message, row, settings);
  showGroup(root, row, settings);
  if (notification.target && !notification.link) followTarget(root, notification.id, settings, setLink);
  if (settings.showsData) showData(root, notification, settings);
}

/** Show what the page draws in place of the usual content, if it does. The row, its name and its buttons stay. */
function showContent(root: HTMLElement, notification: Notification, { renderRow }: ItemSettings): void {
  const made = renderRow && attempt(() => renderRow(notification));
  const shown = root.querySelector(".content");
  setAttributes(root, { "data-content": made !== null && made !== undefined });
  if (!made) {
    shown?.remove();
    return;
  }
  // The same node stays in its place, with its focus.
  if (shown?.childNodes.length === 1 && shown.firstChild === made) return;
  const place = shown ?? element("div", { class: "content", part: "content" });
  const controls = () => [...place.querySelectorAll<HTMLElement>("a, button, summary")];
  const focused = (root.getRootNode() as Document | ShadowRoot).activeElement;
  const hadFocus = place.contains(focused);
  const index = controls().indexOf(focused as HTMLElement);
  place.replaceChildren(made);
  // The row is the one tab stop of the list; arrow keys reach what is in it.
  for (const each of controls()) each.tabIndex = -1;
  // Another node has been drawn under the focus: the same control has it again, or the row.
  if (hadFocus) (controls()[index] ?? root).focus();
  if (shown) return;
  place.addEventListener("click", (event) => {
    const link = root.querySelector<HTMLElement>("h3 a");
    if (!link || (event.target as Element).closest("a, button, input, label, select, summary, textarea")) return;
    // Once, also where a target's link would be followed.
    event.stopPropagation();
    link.click();
  });
  root.prepend(place);
}

/** The picture of the actor, or the icon if it is one; or the first letter of the actor's name, or the icon that is named. */
function showAvatar(root: HTMLElement, notification: Notification, { icons }: ItemSettings): void {
  const { actor, icon: named } = notification;
  const src = safeLink(actor?.picture) ?? safeLink(named);
  const letter = [...(actor?.name ?? "")][0]?.toUpperCase() ?? "";
  const shown = root.querySelector<HTMLElement>(".avatar");
  const drawn = src === null && letter === "" ? namedIcon(notification, icons) : null;
  const key = src ?? (letter || (drawn ? `icon ${named}` : ""));
  if (shown?.dataset["shown"] === key) return;
  shown?.remove();
  setAttributes(root, { "data-avatar": key !== "" });
  if (key === "") return;
  const avatar = element(
    "span",
    { class: "avatar", part: "icon", "data-shown": key, "aria-hidden": "true" },
    drawn ?? (src === null && letter),
  );
  if (src !== null) {
    // Who sends a picture need not learn which page it is on.
    const picture = element("img", { src, alt: "", loading: "lazy", referrerpolicy: "no-referrer" });
    picture.addEventListener("error", () => avatar.replaceChildren(letter));
    avatar.append(picture);
  }
  root.prepend(avatar);
}

function showMessage(place: HTMLElement, { message, format }: Notification): void {
  const key = `${format} ${message}`;
  if (messages.get(place) === key) return;
  messages.set(place, key);
  const isFormatted = format === "MARKDOWN";
  setAttributes(place, { "data-formatted": isFormatted });
  place.replaceChildren(...(isFormatted ? markdown(message) : [message]));
}

function showChoices(root: HTMLElement, after: HTMLElement, { notification, isGone }: Row, settings: ItemSettings): void {
  const actions = notification.actions ?? [];
  const key = JSON.stringify(actions);
  let choices = root.querySelector<HTMLElement>(".choices");
  if ((choices?.dataset["shown"] ?? "[]") !== key) {
    choices?.remove();
    choices = element(
      "div",
      { class: "choices", part: "choices", role: "group", "aria-labelledby": `title-${notification.id}`, "data-shown": key },
      ...actions.map((action) => choice(root, action, settings)),
    );
    after.nextElementSibling?.after(choices);
  }
  const { performedAction } = notification;
  for (const button of choices?.querySelectorAll<HTMLElement>("button") ?? []) {
    const isChosen = performedAction === button.dataset["action"];
    // Not `disabled`: whoever has just pressed it keeps the focus, and learns of the outcome.
    setAttributes(button, {
      "aria-disabled": (isGone || Boolean(performedAction)) && "true",
      "aria-pressed": String(isChosen),
    });
    if (isChosen && !button.querySelector("svg")) button.prepend(icon("check"));
  }
}

/** How many are folded under it, and who else; what they are, when it is pressed. */
function showGroup(root: HTMLElement, { notification }: Row, settings: ItemSettings): void {
  const { groupCount, groupActors, groupKey } = notification;
  const key = groupCount > 1 ? JSON.stringify([groupCount, groupActors]) : "";
  const shown = root.querySelector<HTMLElement>(".group");
  if ((shown?.dataset["shown"] ?? "") === key) return;
  shown?.remove();
  if (key === "") return;
  const { texts, hasFolders } = settings;
  texts.add(CONTENT_WORDS);
  const more = texts.count("groupMore", groupCount - 1);
  const others = new Intl.ListFormat(texts.locale, { type: "unit" }).format(
    // Each has a direction of its own.
    (groupActors ?? []).map(({ name }) => `\u2068${name}\u2069`),
  );
  const list = element("ul", { hidden: true });
  const button = element("button", { type: "button", class: "link", tabindex: -1, "aria-expanded": "false" }, more);
  button.setAttribute("aria-label", `${more}: ${notification.title}`);
  button.addEventListener("click", () => void toggleGroup(button, list, notification, settings));
  const line = element("div", { class: "group", part: "group", "data-shown": key }, hasFolders ? button : more, others && ` · ${others}`, list);
  root.querySelector(".meta")?.before(line);
  if (hasFolders && groupKey && groupsOf(settings).has(groupKey)) void toggleGroup(button, list, notification, settings);
}

function groupsOf(settings: ItemSettings): Set<string> {
  const known = openGroups.get(settings) ?? new Set();
  openGroups.set(settings, known);
  return known;
}

async function toggleGroup(
  button: HTMLElement,
  list: HTMLElement,
  notification: Notification,
  settings: ItemSettings,
): Promise<void> {
  const { actions, texts } = settings;
  const key = notification.groupKey;
  if (!list.hidden) {
    if (key) groupsOf(settings).delete(key);
    list.hidden = true;
    button.setAttribute("aria-expanded", "false");
    return;
  }
  let folded: Notification[] = [];
  await actions.run(async (source) => {
    folded = await source.loadGroup(notification.id);
  });
  list.replaceChildren(
    ...folded.map(({ title, createdAt, actor, sender }) => {
      const from = actor?.name || sender?.name || sender?.username;
      const time = element("time", { datetime: createdAt, title: fullTime(createdAt, texts.locale) }, relativeTime(createdAt, texts.locale));
      return element("li", {}, from && element("bdi", {}, from), from && " · ", element("bdi", {}, title), " ", time);
    }),
  );
  list.hidden = folded.length === 0;
  if (list.hidden) return;
  if (key) groupsOf(settings).add(key);
  // Some may have been recalled since it came.
  button.textContent = texts.count("groupMore", folded.length);
  button.setAttribute("aria-expanded", "true");
}

function choice(root: HTMLElement, { label, actionId, link }: NotificationAction, settings: ItemSettings): HTMLElement {
  const href = safeLink(link);
  const text = element("bdi", {}, label);
  const attributes = { class: "choice", part: "choice", tabindex: -1 };
  const made = href
    ? element("a", { ...attributes, href, rel: "noopener noreferrer" }, text)
    : element("button", { ...attributes, type: "button", "data-action": actionId }, text);
  made.addEventListener("click", () => {
    const row = rows.get(root);
    if (!row || row.isGone) return;
    const { notification } = row;
    if (href) {
      if (!notification.read) settings.actions.toggleRead(notification);
    } else if (actionId && !notification.performedAction) perform(notification, actionId, settings);
  });
  return made;
}

/** Choose an action, which reads the notification as well. If another device was first, its choice is shown. */
function perform(notification: Notification, actionId: string, { actions }: ItemSettings): void {
  const { id, read } = notification;
  actions.changeNow(notification, "read", async (source) => {
    const position = await source.performAction(id, actionId);
    return read ? position : source.change("markRead", id);
  });
}

function showData(root: HTMLElement, { data }: Notification, { texts }: ItemSettings): void {
  const isEmpty = typeof data !== "object" || data === null || Object.keys(data).length === 0;
  const text = isEmpty ? "" : JSON.stringify(data, null, 2);
  const shown = root.querySelector("pre");
  if (text === (shown?.textContent ?? "")) return;
  root.querySelector("details")?.remove();
  if (text === "") return;
  texts.add(CONTENT_WORDS);
  const summary = element("summary", { tabindex: -1 }, texts.text("data"));
  root.append(element("details", {}, summary, element("pre", { dir: "ltr" }, text)));
}

export { markdown };
