/** Places the panel where the page has room for it. */

/** Pixels between the panel and the bell or the edge of the page. */
const MARGIN = 8;

/** Below this height the panel goes to the side of the bell that has more room. */
const COMFORTABLE = 420;

/**
 * Shift the panel sideways as far as it is outside of the page, and let it grow to the side of the bell with more room,
 * up to the edge of the window. A sheet, as on phones and where neither side has room for a list, stays where it is.
 */
export function placePanel(panel: HTMLElement, bell: HTMLElement): void {
  panel.style.translate = "none";
  panel.style.maxHeight = "";
  panel.removeAttribute("data-above");
  if (getComputedStyle(panel).position === "fixed") return;
  const { clientWidth, clientHeight } = document.documentElement;
  const { top, bottom } = bell.getBoundingClientRect();
  const below = Math.min(clientHeight, innerHeight) - bottom - 2 * MARGIN;
  const above = top - 2 * MARGIN;
  const isAbove = below < COMFORTABLE && above > below;
  panel.toggleAttribute("data-above", isAbove);
  const usual = Number.parseFloat(getComputedStyle(panel).maxHeight);
  const room = isAbove ? above : below;
  if (!(usual <= room)) panel.style.maxHeight = `${room}px`;
  const { left, right } = panel.getBoundingClientRect();
  const most = clientWidth - MARGIN;
  const shift = left < MARGIN ? MARGIN - left : Math.min(0, most - right);
  if (shift) panel.style.translate = `${shift}px 0`;
}
