/** What stands in the place of the list while the server does not serve this page, and why. */

import { element, setText } from "./dom.js";
import { type Refusal, refusalText } from "./refusal.js";
import type { Texts } from "./strings.js";

export class SignedOut {
  private readonly reason = element("p", { class: "reason" });
  private readonly hint = element("p");
  readonly root = element(
    "div",
    { class: "absent signed-out", role: "alert", hidden: true },
    this.reason,
    element("slot", { name: "signed-out" }, this.hint),
  );
  private refusal: Refusal | undefined;

  get isShown(): boolean {
    return this.refusal !== undefined;
  }

  /** Show why, or nothing any more. Returns whether that is news. */
  show(refusal: Refusal | undefined, texts: Texts): boolean {
    const isNew = refusal?.reason !== this.refusal?.reason;
    this.refusal = refusal;
    this.render(texts);
    return isNew;
  }

  render(texts: Texts): void {
    const { refusal } = this;
    this.root.hidden = refusal === undefined;
    if (!refusal) return;
    // Every attempt leads here, and screen readers read the reason aloud once.
    setText(this.reason, refusalText(refusal, texts));
    setText(this.hint, refusal.reason === "origin" ? "" : texts.text("signInHint"));
  }
}
