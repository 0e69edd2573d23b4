"""The admin, as its administrator opens it."""

from __future__ import annotations

from playwright.async_api import Page, expect


async def sign_in(page: Page) -> None:
    """Sign in as the administrator."""
    await page.goto("/admin/")
    await page.get_by_label("Username").fill("admin")
    await page.get_by_label("Password").fill("demo")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
