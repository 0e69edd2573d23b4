/** The button with the number of notifications that are new: unread, and come since the list was opened. */

import { element, icon, setAttributes, setText } from "./dom.js";
import type { Texts } from "./strings.js";

export class Bell {
  private readonly badge = element("span", { class: "badge", part: "badge" });
  readonly button = element(
    "button",
    { class: "bell", part: "bell", "aria-haspopup": "dialog", "aria-controls": "panel" },
    icon("bell"),
    this.badge,
  );

  render(texts: Texts, unreadCount: number, unseenCount: number, isOpen: boolean): void {
    const shown = Math.min(unseenCount, 99);
    const text = texts.number(shown) + (unseenCount > 99 ? "+" : "");
    setText(this.badge, text);
    this.badge.hidden = unseenCount === 0;
    setAttributes(this.button, {
      // What is shown is said as well.
      "aria-label": texts.count("bell", unreadCount) + (shown && shown < unreadCount ? `, ${texts.count("newAbove", shown)}` : ""),
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
