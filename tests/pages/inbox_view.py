"""Reads and operates the inboxes that a page shows."""

from __future__ import annotations

from playwright.async_api import Locator


class InboxView:
    """One `<notification-inbox>` as a user sees it."""

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.items = root.locator("article")
        self.status = root.locator(".status")
        self.snooze_menu = root.get_by_role("dialog", name="Snooze until")

    def item(self, title: str) -> Locator:
        """Return the notification with this title."""
        return self.items.filter(has=self.root.page.locator("h3", has_text=title))

    async def titles(self) -> list[str]:
        """Return the titles in the list, from the top."""
        script = "found => found.map(each => each.lastChild.textContent)"
        return list(await self.items.locator("h3").evaluate_all(script))

    async def unread(self) -> list[str]:
        """Return the titles of the notifications that are shown as unread."""
        script = "found => found.map(each => each.querySelector('h3').lastChild.textContent)"
        return list(await self.root.locator("article[data-unread]").evaluate_all(script))

    async def count(self) -> str:
        """Return the text about the number of unread notifications."""
        return await self.root.locator(".count").inner_text()

    async def press(self, title: str, button: str) -> None:
        """Press a button of a notification, and take the pointer away: below it, the list stands still."""
        item = self.item(title)
        await item.hover()
        await item.get_by_role("button", name=button).click()
        await self.root.page.mouse.move(0, 0)

    async def snooze(self, title: str, until: str = "Tomorrow morning") -> None:
        """Snooze a notification until one of the times that are offered."""
        await self.press(title, "Snooze")
        await self.snooze_menu.get_by_role("button", name=until).click()
        await self.root.page.mouse.move(0, 0)

    async def open_search(self) -> Locator:
        """Open the search, unless it is open, and return it."""
        search = self.root.get_by_role("search")
        if not await search.is_visible():
            await self.root.get_by_role("button", name="Search", exact=True).click()
        return search

    async def choose(self, name: str, value: str) -> None:
        """Choose one of the search's conditions: `Type`, `Category`, `Priority` or `State`."""
        search = await self.open_search()
        await search.get_by_label(name, exact=True).select_option(value)

    async def delete(self, title: str) -> None:
        """Delete a notification without the time to undo it."""
        await self.take_out(title, "Delete")

    async def take_out(self, title: str, button: str) -> None:
        """Delete, archive or snooze a notification without the time to undo it."""
        await (self.snooze(title) if button == "Snooze" else self.press(title, button))
        await self.root.locator(".bar").get_by_role("button", name="Dismiss").click()
        await self.root.page.mouse.move(0, 0)
