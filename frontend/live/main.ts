/** The page `/`: two devices side by side, and a form that sends notifications. */

import "../inbox/index.js";
import "./live.css";
import { DemoTokens } from "./demo_tokens.js";
import { type Choice, Device } from "./device.js";
import { initManyEvents } from "./many_events.js";
import { pageFacts } from "./page_facts.js";
import { SendForm } from "./send_form.js";
import { initTheme } from "./theme.js";

const CHOICES_KEY = "live-inbox:devices";

function main(): void {
  initTheme(document.querySelector("#theme"));
  const facts = pageFacts();
  const container = document.querySelector("#devices");
  const form = document.querySelector<HTMLFormElement>("#send-form");
  if (!container || !form || (facts.demo.length === 0 && !facts.viewer)) return;
  const tokens = new DemoTokens(facts);
  const store = (): void => storeChoices(devices.map((device) => device.choice));
  const devices = ["Device 1", "Device 2"].map((name) => new Device(name, facts, tokens, store));
  container.replaceChildren(...devices.map((device) => device.root));
  const [first = "", second = first] = facts.demo.map(({ username }) => username);
  const presets: Record<string, Choice[]> = {
    protocols: [
      { username: first, protocol: "graphql" },
      { username: first, protocol: "json" },
    ],
    devices: [
      { username: first, protocol: "graphql" },
      { username: first, protocol: "graphql" },
    ],
    users: [
      { username: first, protocol: "graphql" },
      { username: second, protocol: "graphql" },
    ],
  };
  const choose = (choices: Choice[]): void => {
    for (const [index, device] of devices.entries()) {
      const choice = choices[index];
      if (choice) device.choose(choice);
    }
    store();
  };
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-preset]")) {
    button.addEventListener("click", () => choose(presets[button.dataset["preset"] ?? ""] ?? []));
  }
  choose(storedChoices() ?? presets["devices"] ?? []);
  document.querySelector("#sign-out")?.addEventListener("submit", () => {
    for (const device of devices) device.forget();
  });
  new SendForm(form, facts, tokens);
  initManyEvents(facts, form);
}

function storeChoices(choices: Choice[]): void {
  try {
    localStorage.setItem(CHOICES_KEY, JSON.stringify(choices));
  } catch {
    // Storage is switched off or full: the next visit starts with the default.
  }
}

function storedChoices(): Choice[] | undefined {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(CHOICES_KEY) ?? "null");
    return Array.isArray(stored) && stored.length === 2 ? (stored as Choice[]) : undefined;
  } catch {
    return undefined;
  }
}

main();
