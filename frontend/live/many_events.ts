/** The button that makes 10,000 events happen in the inbox of the recipient in the form, a few hundred at a time. */

import type { PageFacts } from "./page_facts.js";

/** Another page is making events: the server makes them for one at a time. */
const BUSY = 429;

const BUSY_MS = 500;

/** Let the button start and stop it. It is on the page of a server in development alone. */
export function initManyEvents({ events }: PageFacts, form: HTMLFormElement): void {
  const button = document.querySelector<HTMLButtonElement>("#many-events");
  const made = document.querySelector("#many-events-made");
  if (!button || !made || !events) return;
  const label = button.textContent;
  /** The run that goes on; each click ends the one before. */
  let run: object | undefined;
  button.addEventListener("click", async () => {
    const own = run ? undefined : {};
    run = own;
    button.textContent = own ? "Stop" : label;
    if (!own) return;
    const url = new URL(events, location.href);
    url.searchParams.set("user", String(new FormData(form).get("to")));
    const wanted = Number(button.value);
    let count = 0;
    while (run === own && count < wanted) {
      const more = await makeSome(url);
      if (more === undefined) break;
      count += more;
      made.textContent = `${count.toLocaleString("en")} events`;
    }
    if (run !== own) return;
    run = undefined;
    button.textContent = label;
  });
}

/** Make the next events and return how many; undefined if the server makes none. */
async function makeSome(url: URL): Promise<number | undefined> {
  const response = await fetch(url, { method: "POST" });
  if (response.status === BUSY) {
    await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
    return 0;
  }
  if (!response.ok) return undefined;
  const { events } = (await response.json()) as { events: number };
  return events || undefined;
}
