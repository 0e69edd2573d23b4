/**
 * The menu that asks until when to snooze: choices with their times, and a field for any other moment. A part of its own,
 * loaded when it is opened.
 *
 * A modal dialog, and no ARIA menu, which may not contain a field (WAI-ARIA, `menu`). The browser keeps the focus in it and
 * gives it back, and draws it above everything, whatever clips the list.
 */

import { adoptStyles } from "./adopt_styles.js";
import { element, icon, setAttributes } from "./dom.js";
import { SNOOZE_WORDS } from "./languages/en_parts.js";
import { upcomingTime } from "./relative_time.js";
import css from "./snooze_menu.shadow.css";
import {
  canSnoozeUntil,
  choiceLimits,
  fromLocalTime,
  presetTimes,
  type SnoozePreset,
  type SnoozePresets,
  toLocalTime,
  tomorrowMorning,
} from "./snooze_times.js";
import type { Texts } from "./strings.js";
import type { ActionContext } from "./user_actions.js";

/** Pixels between the menu and the edges of the window. */
const MARGIN = 8;

const STEPS: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

/**
 * Ask until when to snooze a notification, beside the button of its row, and call `snooze` with the answer, unless the user
 * closes the menu. Meanwhile, rows keep their places.
 */
export async function askUntil(
  context: ActionContext,
  id: string,
  button: HTMLElement,
  snooze: (until: Date) => void,
): Promise<void> {
  const { feed, texts, snoozePresets } = context;
  // While the script was on its way, the row may have left the page, or the button may have been pressed again.
  if (feed.hasDialog || !button.checkVisibility()) return;
  feed.hasDialog = true;
  texts.add(SNOOZE_WORDS);
  const until = await chosenMoment(button, texts, snoozePresets);
  feed.hasDialog = false;
  // The browser gives the focus back to where it was, unless that is gone.
  if ((button.getRootNode() as ShadowRoot).activeElement === null) feed.focus(id);
  if (until) snooze(until);
  else context.render();
}

/** Return the moment that the user chooses; undefined if they close the menu. */
function chosenMoment(button: HTMLElement, texts: Texts, presets?: SnoozePresets): Promise<Date | undefined> {
  const place = button.getRootNode() as ShadowRoot;
  adoptStyles(place, css);
  let chosen: Date | undefined;
  const choose = (moment: Date): void => {
    chosen = moment;
    menu.close();
  };
  const choices = presetsAt(new Date(), texts, presets).map((preset) => choiceOf(preset, texts, choose));
  const picker = pickerOf(texts, choose);
  const close = element("button", { type: "button", class: "tool", "aria-label": texts.text("close") }, icon("close"));
  const heading = element("h2", { id: "snooze-heading" }, texts.text("snoozeUntil"));
  const menu = element(
    "dialog",
    { class: "snooze-menu", "aria-labelledby": heading.id, lang: texts.language },
    element("div", {}, heading, close),
    ...choices,
    picker.form,
  );
  close.addEventListener("click", () => menu.close());
  // A click on the menu itself is one beside it: its content fills it.
  menu.addEventListener("click", ({ target }) => target === menu && menu.close());
  menu.addEventListener("keydown", (event) => onKey(event, [...choices, picker.input]));
  place.append(menu);
  setAttributes(button, { "aria-expanded": "true" });
  menu.showModal();
  placeAt(menu, button);
  (choices[0] ?? picker.input).focus();
  return new Promise((resolve) => {
    menu.addEventListener("close", () => {
      menu.remove();
      setAttributes(button, { "aria-expanded": "false" });
      resolve(chosen);
    });
  });
}

/** Return the choices: those of the page that the server would accept, or else the component's own. */
function presetsAt(now: Date, texts: Texts, presets?: SnoozePresets): readonly SnoozePreset[] {
  const own = presetTimes(now).map(([name, until]) => ({ label: texts.text(name), until }));
  if (!presets) return own;
  try {
    return presets(now).filter(({ until }) => canSnoozeUntil(until, now));
  } catch (error) {
    console.error("<notification-inbox>: snoozePresets failed, so its own choices are shown.", error);
    return own;
  }
}

function choiceOf({ label, until }: SnoozePreset, texts: Texts, choose: (moment: Date) => void): HTMLElement {
  const time = element("time", { datetime: until.toISOString(), dir: "auto" }, upcomingTime(until, texts.locale));
  const choice = element("button", { type: "button", class: "preset" }, element("bdi", {}, label), " ", time);
  choice.addEventListener("click", () => choose(until));
  return choice;
}

function pickerOf(texts: Texts, choose: (moment: Date) => void): { form: HTMLElement; input: HTMLInputElement } {
  const input = element("input", { type: "datetime-local", required: true });
  const label = element("label", {}, texts.text("pickTime"), input);
  const form = element("form", { novalidate: true }, label, element("button", { class: "pick" }, texts.text("snooze")));
  // Time goes on while the menu is open.
  const limit = (now: Date): void => {
    const { first, last } = choiceLimits(now);
    setAttributes(input, { min: toLocalTime(first), max: toLocalTime(last) });
  };
  const opened = new Date();
  limit(opened);
  input.value = toLocalTime(tomorrowMorning(opened));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const now = new Date();
    limit(now);
    // The browser says what is wrong, beside the field.
    if (input.reportValidity()) choose(fromLocalTime(input.value, now));
  });
  return { form, input };
}

/** Move the focus with the arrow keys. In the field, they change the date. */
function onKey(event: KeyboardEvent, places: readonly HTMLElement[]): void {
  // The list, the panel and the page have meanings of their own for keys: Escape closes the menu alone.
  event.stopPropagation();
  const target = event.target as HTMLElement;
  const step = STEPS[event.key];
  if (step === undefined || target instanceof HTMLInputElement) return;
  const at = places.indexOf(target) + step;
  places[Math.max(0, Math.min(at, places.length - 1))]?.focus();
  event.preventDefault();
}

/** Put the menu below the end of the button, or above it where there is more room. On phones, the style sheet places it. */
function placeAt(menu: HTMLElement, button: HTMLElement): void {
  const { clientWidth, clientHeight } = document.documentElement;
  const { left, right, top, bottom } = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const start = getComputedStyle(menu).direction === "rtl" ? left : right - width;
  const isAbove = bottom + height + MARGIN > clientHeight && top > clientHeight - bottom;
  menu.style.left = `${within(start, clientWidth - width)}px`;
  menu.style.top = `${within(isAbove ? top - height : bottom, clientHeight - height)}px`;
}

function within(wanted: number, most: number): number {
  return Math.max(MARGIN, Math.min(wanted, most - MARGIN));
}
