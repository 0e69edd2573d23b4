/**
 * The search: words and conditions, and what is done to all that they find. A part of its own, loaded when it is opened.
 * Whoever closes it sees the whole list again: nothing filters it that is not on the screen.
 */

import { adoptStyles } from "./adopt_styles.js";
import { DetailedList } from "./detailed_list.js";
import { element } from "./dom.js";
import { SEARCH_WORDS } from "./languages/en_parts.js";
import { EVERYTHING, type Filter, sameFilter } from "./list.js";
import css from "./search.shadow.css";
import type { InboxSource } from "./source.js";
import type { Strings } from "./strings.js";
import type { ActionContext } from "./user_actions.js";

/** After so long without a key, the words are complete. */
const TYPING_MS = 250;

/** The server searches for no more. */
const LONGEST_TEXT = 100;

const NO_STATE = { seen: undefined, read: undefined, pinnedOnly: false };

/** Without what the search sets. */
const CLEARED = { ...NO_STATE, type: null, categories: undefined, priorities: undefined, text: undefined };

const PRIORITIES = { URGENT: "urgent", HIGH: "high", NORMAL: "normal", LOW: "low" } as const;

const STATES: readonly (Partial<Filter> & { name: keyof Strings })[] = [
  { name: "onlyNew", seen: false },
  { name: "onlySeen", seen: true },
  { name: "onlyRead", read: true },
  { name: "onlyPinned", pinnedOnly: true },
];

/** A value and what it is called. */
type Option = readonly [value: string, label: string];

/** Show the search in the panel, or close it. */
export function toggleSearch(context: ActionContext, source: InboxSource): void {
  const { panel } = context;
  const isSeen = !panel.search.hidden && !panel.showsPreferences;
  panel.showView(false);
  if (isSeen) close(context);
  else if (panel.search.hidden) open(context, source);
  else panel.search.querySelector("input")?.focus();
}

function open(context: ActionContext, source: InboxSource): void {
  const { panel, actions, texts } = context;
  actions.List = DetailedList;
  texts.add(SEARCH_WORDS);
  adoptStyles(panel.search.getRootNode() as ShadowRoot, css);
  const form = formOf(context, source);
  panel.search.replaceChildren(form);
  panel.search.setAttribute("aria-label", texts.text("search"));
  panel.showSearch(true);
  form.querySelector("input")?.focus();
}

function close(context: ActionContext): void {
  const { panel, actions, list } = context;
  const hadFocus = panel.search.matches(":focus-within");
  panel.showSearch(false);
  panel.search.replaceChildren();
  if (hadFocus) panel.searchButton.focus();
  const filter = { ...list.filter, ...CLEARED };
  if (!sameFilter(filter, list.filter)) void actions.applyFilter(filter);
}

function formOf(context: ActionContext, source: InboxSource): HTMLElement {
  const { texts, list } = context;
  // Screen readers read it aloud when it changes.
  const found = element("span", { class: "sr", role: "status" });
  const change = async (filter: Partial<Filter>): Promise<void> => {
    await context.actions.changeFilter(filter);
    const { notifications, hasMore, filter: shown } = context.list;
    const isAll = sameFilter(shown, { ...EVERYTHING, unreadOnly: shown.unreadOnly, folder: shown.folder ?? "INBOX" });
    found.textContent = isAll ? "" : texts.count(hasMore ? "foundMore" : "found", notifications.length);
  };
  const select = (name: keyof Strings, all: keyof Strings, set: (value: string) => Partial<Filter>): Choice =>
    new Choice(texts.text(name), texts.text(all), (value) => void change(set(value)));
  const types = select("type", "allTypes", (type) => ({ type: type || null }));
  const categories = select("category", "allCategories", (each) => ({ categories: each ? [each] : undefined }));
  const priorities = select("priority", "allPriorities", (each) => ({
    priorities: each ? [each as keyof typeof PRIORITIES] : undefined,
  }));
  const states = select("state", "allStates", (each) => {
    const { name, ...state } = STATES.find((known) => known.name === each) ?? { name: "" };
    return { ...NO_STATE, ...state };
  });
  const typesOf = (): Option[] => sorted([...context.list.types]);
  types.offer(typesOf(), list.filter.type ?? "");
  // Types may have come since.
  types.root.addEventListener("focus", () => types.offer(typesOf(), types.root.value));
  priorities.offer(Object.entries(PRIORITIES).map(([value, name]) => [value, texts.text(name)]));
  states.offer(STATES.map(({ name }) => [name, texts.text(name)]));
  void offerCategories(categories, source);
  const form = element(
    "form",
    {},
    searchField(context, change),
    ...[types, categories, priorities, states].map(({ root }) => root),
    element("div", { class: "all" }, ...changesOfAll(context), found),
  );
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("keydown", (event) => {
    // In a field, other keys have their usual meaning: Ctrl Z takes back what was typed.
    if (event.key === "Escape" || event.target instanceof HTMLInputElement) event.stopPropagation();
    if (event.key !== "Escape") return;
    event.preventDefault();
    close(context);
  });
  return form;
}

function searchField({ texts }: ActionContext, change: (filter: Partial<Filter>) => Promise<void>): HTMLInputElement {
  const label = texts.text("search");
  const settings = { maxlength: LONGEST_TEXT, placeholder: label, "aria-label": label, enterkeyhint: "search" };
  const input = element("input", { type: "search", dir: "auto", autocomplete: "off", ...settings });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let current = "";
  const search = (): void => {
    clearTimeout(timer);
    const text = input.value.trim();
    // The form may have been closed meanwhile.
    if (text === current || !input.isConnected) return;
    current = text;
    void change({ text: text || undefined });
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, TYPING_MS);
  });
  // By Enter, and when the field is left or emptied.
  for (const name of ["change", "search"]) input.addEventListener(name, search);
  return input;
}

/** A select whose first option is all. */
class Choice {
  readonly root: HTMLSelectElement;

  constructor(
    label: string,
    private readonly all: string,
    change: (value: string) => void,
  ) {
    this.root = element("select", { "aria-label": label });
    this.root.addEventListener("change", () => change(this.root.value));
  }

  /** Set what can be chosen. */
  offer(options: readonly Option[], chosen = ""): void {
    const made = [["", this.all] as const, ...options].map(([value, label]) => element("option", { value }, label));
    // What is as it was stays: a list that is open would close.
    if (made.length === this.root.options.length) return;
    this.root.replaceChildren(...made);
    this.root.value = chosen;
  }
}

/** Offer the categories of the declared types. Where there are none, there is nothing to choose. */
async function offerCategories(choice: Choice, source: InboxSource): Promise<void> {
  choice.root.hidden = true;
  const preferences = await source.preferences().catch(() => []);
  const names = new Set(preferences.map(({ category }) => category).filter((each) => each !== null));
  choice.offer(sorted([...names].map((each) => [each, capitalized(each.replace(/[-_.]/g, " "))])));
  choice.root.hidden = names.size === 0;
}

function changesOfAll(context: ActionContext): HTMLElement[] {
  const { actions, texts, feed } = context;
  const archive = element("button", { type: "button", class: "link archive-all" }, texts.text("archiveAll"));
  archive.addEventListener("click", () => {
    if (!feed.isEmpty) actions.changeAll("archiveAll", texts.text("archivedAll"));
  });
  const remove = element("button", { type: "button", class: "link delete-all", "aria-haspopup": "dialog" }, texts.text("deleteAll"));
  remove.addEventListener("click", () => {
    if (!feed.isEmpty) askToDelete(context, remove);
  });
  return [archive, remove];
}

function askToDelete({ actions, texts }: ActionContext, button: HTMLElement): void {
  const question = element("p", { id: "confirm-question" }, texts.text("askDeleteAll"));
  const cancel = element("button", { type: "button" }, texts.text("cancel"));
  const remove = element("button", { type: "button", class: "delete-all" }, texts.text("deleteAll"));
  const settings = { class: "confirm", role: "alertdialog", "aria-labelledby": question.id, lang: texts.language };
  const dialog = element("dialog", settings, question, element("div", {}, cancel, remove));
  // Escape closes the dialog alone.
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("close", () => dialog.remove());
  cancel.addEventListener("click", () => dialog.close());
  remove.addEventListener("click", () => {
    dialog.close();
    actions.changeAll("deleteAll", texts.text("deletedAll"));
  });
  button.getRootNode().appendChild(dialog);
  dialog.showModal();
  cancel.focus();
}

function sorted(options: Option[]): Option[] {
  return options.sort(([, a], [, b]) => a.localeCompare(b));
}

function capitalized(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
