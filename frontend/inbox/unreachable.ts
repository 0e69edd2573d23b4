/** What stands in the place of the list when the first attempts to load it have failed. */

import { element, setText } from "./dom.js";
import type { Texts } from "./strings.js";

export class Unreachable {
  private readonly reason = element("p", { class: "reason" });
  private readonly hint = element("p");
  private readonly button = element("button", { class: "link" });
  readonly root = element(
    "div",
    { class: "absent", role: "alert", hidden: true },
    element("slot", { name: "error" }, this.reason, this.hint, this.button),
  );

  constructor(tryNow: () => void) {
    this.button.addEventListener("click", tryNow);
  }

  show(isShown: boolean): void {
    const { root } = this;
    // The button disappears: whoever has pressed it by the keyboard is still in the panel.
    if (!isShown && root.matches(":focus-within")) root.parentElement?.focus();
    root.hidden = !isShown;
  }

  render(texts: Texts): void {
    setText(this.reason, texts.text("unreachable"));
    setText(this.hint, texts.text("unreachableHint"));
    setText(this.button, texts.text("tryNow"));
  }
}
