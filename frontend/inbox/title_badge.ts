/** The number of unread notifications in the title of the page: `(3) Orders`. */

const BADGE = /^\(\d+\+?\) /;

/** Show the number in the title, or take it out of there. */
export function setTitleBadge(count: number): void {
  const plain = document.title.replace(BADGE, "");
  const title = count > 0 ? `(${count > 99 ? "99+" : count}) ${plain}` : plain;
  if (document.title !== title) document.title = title;
}
