/** Calls back when the end of a list comes near, in a list that scrolls by itself. */

/** Pixels below what is seen. */
const MARGIN = 400;

/**
 * Call back when the end of the list comes near while the user scrolls. Not in a list that the page scrolls: what stands
 * below it in the page could never be reached.
 */
export function onNearEnd(scroller: HTMLElement, end: HTMLElement, callback: () => void): void {
  const observer = new IntersectionObserver(
    (found) => {
      const isNear = found.some(({ isIntersecting }) => isIntersecting);
      if (isNear && scroller.scrollTop > 0) callback();
    },
    { root: scroller, rootMargin: `0px 0px ${MARGIN}px` },
  );
  observer.observe(end);
}
