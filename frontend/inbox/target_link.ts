/**
 * The link of what a notification is about, for rows without a link of their own. The server reads it from its database, so
 * it is asked for when a user comes to the row, and once: not with each page, nor with each event.
 */

import type { ItemSettings } from "./item.js";
import { toError } from "./source.js";

const TARGET = "query TargetLink($id: ID!) { notification(id: $id) { target { link } } }";

interface Result {
  notification: { target: { link: string | null } | null } | null;
}

/** So long the pointer or the focus rests on a row before its link is asked for: passing by costs nothing. */
const REST_MS = 100;

const followed = new WeakSet<HTMLElement>();

/** Make the row of a notification a link when the user comes to it, if what it is about has one: `setLink` is called with it. */
export function followTarget(root: HTMLElement, id: string, settings: ItemSettings, setLink: (link: string) => void): void {
  if (followed.has(root)) return;
  followed.add(root);
  let asked: Promise<void> | undefined;
  let isKnown = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const isHere = (): boolean => root.matches(":hover, :focus-within");
  const read = async (): Promise<void> => {
    // Nobody wants to be taken to another page when the connection is back.
    if (!settings.panel.status.isLive) throw new Error(settings.texts.text("connectionLost"));
    const link = (await settings.source?.execute?.<Result>(TARGET, { id }))?.notification?.target?.link;
    isKnown = true;
    if (link) setLink(link);
  };
  const ask = (): Promise<void> => {
    asked ??= read();
    // The next one tries again.
    asked.catch(() => {
      asked = undefined;
    });
    return asked;
  };
  const follow = async (otherwise?: HTMLElement | null): Promise<void> => {
    try {
      await ask();
    } catch (error) {
      settings.panel.showProblem(toError(error).message);
    }
    // Unless the user has gone elsewhere meanwhile.
    if (isHere()) (root.querySelector<HTMLElement>("h3 a") ?? otherwise)?.click();
  };

  const wait = (): void => {
    clearTimeout(timer);
    // What fails unasked is no news: who opens the row learns it.
    timer = setTimeout(() => void ask().catch(() => undefined), REST_MS);
  };

  for (const name of ["pointerenter", "focusin"]) root.addEventListener(name, wait);
  for (const name of ["pointerleave", "focusout"]) root.addEventListener(name, () => clearTimeout(timer));
  root.addEventListener("click", ({ target }) => {
    if (!(target as Element).closest("a, button, details, .actions, .choices, .group")) void follow();
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target !== root || isKnown) return;
    // The list knows of no link, and would show the whole message.
    event.stopPropagation();
    event.preventDefault();
    void follow(root.querySelector<HTMLElement>(".expand:not([hidden])"));
  });
  // This script may have come after the user.
  if (isHere()) wait();
}
