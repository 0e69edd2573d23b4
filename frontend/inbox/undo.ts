/** The bar that says what was done, with a button that undoes it. One change at a time. */

import { element, name, tool } from "./dom.js";
import type { Texts } from "./strings.js";

const SHOWN_MS = 6_000;

/** While it is pointed at or focused, time stands still. */
export class UndoBar {
  readonly root = element("div", { class: "bar", hidden: true });
  private readonly text = element("span", { role: "status" });
  private readonly button = element("button", { class: "link" });
  private readonly dismiss = tool("close");
  private offered: (() => void) | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly texts: () => Texts) {
    this.root.append(this.text, this.button, this.dismiss);
    this.button.addEventListener("click", () => this.undo());
    this.dismiss.addEventListener("click", () => this.hide());
    for (const name of ["pointerenter", "focusin"]) this.root.addEventListener(name, () => clearTimeout(this.timer));
    for (const name of ["pointerleave", "focusout"]) this.root.addEventListener(name, () => this.wait());
  }

  /** Say what was done, and offer to undo it. */
  offer(text: string, undo: () => void): void {
    const texts = this.texts();
    this.offered = undo;
    this.button.textContent = texts.text("undo");
    name(this.dismiss, texts.text("dismiss"));
    this.text.textContent = text;
    this.root.hidden = false;
    this.wait();
  }

  /** Undo what is offered; returns whether there was anything. */
  undo(): boolean {
    const { offered } = this;
    this.hide();
    offered?.();
    return offered !== undefined;
  }

  /** Do not offer this any more. */
  withdraw(undo: () => void): void {
    if (this.offered === undo) this.hide();
  }

  hide(): void {
    clearTimeout(this.timer);
    this.offered = undefined;
    // Its buttons disappear: whoever has pressed one by the keyboard is still in the panel.
    if (this.root.matches(":focus-within")) this.root.closest<HTMLElement>(".panel")?.focus();
    this.root.hidden = true;
    this.text.textContent = "";
  }

  private wait(): void {
    clearTimeout(this.timer);
    if (this.offered) this.timer = setTimeout(() => this.hide(), SHOWN_MS);
  }
}
