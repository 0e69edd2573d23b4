"""examples/shop: a project that installs the wheel, with its own tests, its servers and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.packaging.installation import Installation, outside_environment
from tests.pages.chromium import ARGUMENTS, find_chromium
from tests.stacks.child import Child
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = [pytest.mark.stack("production"), pytest.mark.timeout(600)]

SHOP = REPOSITORY / "examples" / "shop"
PASSWORD = "teatime"
CREATE = f"""
import django
django.setup()
from backend.accounts.models import User
User.objects.create_user("ada@example.com", "{PASSWORD}", name="Ada")
User.objects.create_superuser("grace@example.com", "{PASSWORD}", name="Grace")
"""


@pytest.fixture(scope="module")
def shop(
    distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """The shop with the wheel and its other requirements in an environment of its own."""
    requirements = [
        line
        for line in (SHOP / "requirements.txt").read_text().splitlines()
        if line and not line.startswith(("#", "django-live-inbox"))
    ]
    project = Installation(tmp_path_factory.mktemp("shop"), str(distributions[0]), *requirements)
    shutil.copytree(
        SHOP,
        project.directory,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("*.sqlite3", "__pycache__"),
    )
    return project


@pytest.fixture(scope="module")
def environment(shop: Installation, stack: Stack) -> dict[str, str]:
    """A migrated database on PostgreSQL, with a customer and a member of staff; and Redis."""
    found = {
        "DATABASE_URL": stack.empty_database("shop"),
        "REDIS_URL": stack.environment()["REDIS_URL"],
    }
    shop.django("migrate", "--verbosity=0", **found)
    shop.run("-c", CREATE, **found)
    return found


def test_the_shop_passes_its_checks(shop: Installation, environment: dict[str, str]) -> None:
    assert "no issues" in shop.django("check", "--fail-level", "WARNING", **environment)
    assert "No changes" in shop.django("makemigrations", "--check", "--dry-run", **environment)


def test_the_shops_own_tests_pass(shop: Installation, environment: dict[str, str]) -> None:
    assert " passed" in shop.run("-m", "pytest", "-q", "-p", "no:cacheprovider", **environment)


@pytest.fixture
def server(
    shop: Installation, environment: dict[str, str], process_registry: ProcessRegistry
) -> Iterator[str]:
    """The shop's server and its Celery worker."""

    def start(name: str, *command: str) -> Child:
        return Child(
            process_registry,
            [str(shop.python), "-m", *command],
            log=shop.directory / f"{name}.log",
            environment=outside_environment() | environment,
            directory=shop.directory,
        )

    port = free_port()
    uvicorn = ["uvicorn", "backend.asgi:application", "--host", LOOPBACK, "--port", str(port)]
    children = [
        start("server", *uvicorn),
        start("worker", "celery", "-A", "backend", "worker", "--concurrency=1", "--loglevel=INFO"),
    ]
    children[0].wait_until(lambda: "Uvicorn running on" in children[0].text())
    children[1].wait_until(lambda: " ready." in children[1].text())
    yield f"http://{LOOPBACK}:{port}"
    for child in children:
        child.stop()
        assert "Traceback" not in child.text()


async def log_in(page: Page, email: str) -> None:
    await page.goto("/login/")
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", name="Tea things")).to_be_visible()


BOARD = """() => new Promise((resolve, reject) => {
  window.board = [];
  const socket = new WebSocket(`ws://${location.host}/ws/orders/`);
  socket.onmessage = (message) => window.board.push(JSON.parse(message.data));
  socket.onopen = resolve;
  socket.onerror = reject;
})"""


async def test_an_order_arrives_on_the_customers_devices_and_on_the_board_of_the_staff(
    server: str,
) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        customer = await browser.new_context(base_url=server)
        staff = await (await browser.new_context(base_url=server)).new_page()
        page, other_device = await customer.new_page(), await customer.new_page()
        await log_in(page, "ada@example.com")
        await log_in(staff, "grace@example.com")
        # The shop's own consumer, beside the sockets of the inbox.
        await staff.evaluate(BOARD)
        await other_device.goto("/")
        inbox = other_device.locator("notification-inbox")
        await inbox.get_by_role("button").first.click()
        # From here on, the other device is only looked at.
        await page.get_by_role("button", name="Buy Teapot").click()
        await expect(inbox.get_by_role("link", name="Order received")).to_be_visible()
        # The Celery worker sends this one, in a process of its own.
        shipped = inbox.get_by_role("link", name="Order shipped")
        await expect(shipped).to_be_visible()
        await staff.wait_for_function("window.board.length === 1")
        assert (await staff.evaluate("window.board[0].product")) == "Teapot"
        await shipped.click()
        await expect(other_device.get_by_role("heading", name="Order")).to_be_visible()
        await browser.close()
