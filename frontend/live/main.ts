/** The page `/`: two devices side by side, and a form that sends. */

import "../inbox/index.js";
import "./live.css";
import { Composer } from "./composer.js";
import { DemoTokens } from "./demo_tokens.js";
import { type Choice, Device } from "./device.js";
import { pageFacts } from "./page.js";
import { followTheme } from "./theme.js";

const CHOICES = "live-inbox:devices";

function main(): void {
  followTheme(document.querySelector("#theme"));
  const facts = pageFacts();
  const place = document.querySelector("#devices");
  const form = document.querySelector<HTMLFormElement>("#composer");
  if (!place || !form || (facts.demo.length === 0 && !facts.viewer)) return;
  const tokens = new DemoTokens(facts);
  const keep = (): void => keepChoices(devices.map((device) => device.choice));
  const devices = ["Device 1", "Device 2"].map((name) => new Device(name, facts, tokens, keep));
  place.replaceChildren(...devices.map((device) => device.root));
  const [first = "", second = first] = facts.demo.map(({ username }) => username);
  const presets: Record<string, Choice[]> = {
    doors: [
      { username: first, door: "graphql" },
      { username: first, door: "json" },
    ],
    devices: [
      { username: first, door: "graphql" },
      { username: first, door: "graphql" },
    ],
    users: [
      { username: first, door: "graphql" },
      { username: second, door: "graphql" },
    ],
  };
  const choose = (choices: Choice[]): void => {
    for (const [index, device] of devices.entries()) {
      const choice = choices[index];
      if (choice) device.choose(choice);
    }
    keep();
  };
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-preset]")) {
    button.addEventListener("click", () => choose(presets[button.dataset["preset"] ?? ""] ?? []));
  }
  choose(keptChoices() ?? presets["devices"] ?? []);
  new Composer(form, facts, tokens);
}

function keepChoices(choices: Choice[]): void {
  try {
    localStorage.setItem(CHOICES, JSON.stringify(choices));
  } catch {
    // Storage is switched off or full: the next visit begins as the first.
  }
}

function keptChoices(): Choice[] | undefined {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(CHOICES) ?? "null");
    return Array.isArray(kept) && kept.length === 2 ? (kept as Choice[]) : undefined;
  } catch {
    return undefined;
  }
}

main();
