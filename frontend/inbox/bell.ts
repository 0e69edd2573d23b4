/** The button with the number of notifications that are new: unread, and come since the list was opened. */

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

  render(texts: Texts, unreadCount: number, unseenCount: number, isOpen: boolean): void {
    const text = unseenCount > 99 ? `${texts.number(99)}+` : texts.number(unseenCount);
    if (this.badge.textContent !== text) this.badge.textContent = text;
    this.badge.hidden = unseenCount === 0;
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
