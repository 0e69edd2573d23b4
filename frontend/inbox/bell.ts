/** The button with the number of unread notifications. */

import { element, icon, setAttributes } from "./dom.js";
import type { Texts } from "./strings.js";

export class Bell {
  private readonly badge = element("span", { class: "badge", "aria-hidden": "true" });
  readonly button = element(
    "button",
    { type: "button", class: "bell", part: "bell", "aria-haspopup": "dialog", "aria-controls": "panel" },
    icon("bell"),
    this.badge,
  );

  render(texts: Texts, unreadCount: number, isOpen: boolean): void {
    const text = unreadCount > 99 ? `${texts.number(99)}+` : texts.number(unreadCount);
    if (this.badge.textContent !== text) this.badge.textContent = text;
    this.badge.hidden = unreadCount === 0;
    setAttributes(this.button, {
      "aria-label": texts.count("bell", unreadCount),
      "aria-expanded": String(isOpen),
    });
  }

  /** Move as a bell does. */
  ring(): void {
    this.button.removeAttribute("data-ring");
    // Reading the layout in between restarts the animation.
    void this.button.offsetWidth;
    this.button.setAttribute("data-ring", "");
  }
}
