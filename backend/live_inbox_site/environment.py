"""The settings of the standalone site, read from environment variables.

Each setting comes from the environment variable of its name in capitals, or else from the file `.env` in the site's
directory. Those of the app itself are declared in `live_inbox.conf`; here are those that only the site has.
`docs/operating/configuration.md` is printed from both (`manage.py print_configuration`).
"""

from __future__ import annotations

import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from live_inbox.conf import CommaSeparated, InboxSettings, explain
from live_inbox.limits.rate import RateLimit
from live_inbox_site.database_url import parse_database_url

_CHECKOUT = Path(__file__).resolve().parents[2]
SITE_DIRECTORY = _CHECKOUT if (_CHECKOUT / "pyproject.toml").exists() else Path.cwd()
"""Where `.env` and `var/` are: the checkout or, for an installed package, the working directory."""


def _database_address(text: str) -> str:
    """Raise ValueError for a database that the product does not support."""
    if not text.startswith(("sqlite:///", "postgres://", "postgresql://")):
        raise ValueError("it begins with postgres://, postgresql:// or sqlite:///")
    parse_database_url(text)
    return text


def _redis_address(text: str) -> str:
    """Raise ValueError for what cannot be the address of a Redis: otherwise a typo would only slow down delivery."""
    if text:
        # Here, because redis-py takes long to import.
        from live_inbox_site.redis_hosts import redis_hosts

        redis_hosts(text)
    return text


def _rate(text: str) -> str:
    """Raise ValueError for what is no rate limit."""
    RateLimit.parse(text)
    return text


def _hosts(values: list[str]) -> list[str]:
    """Raise ValueError for a value that is no host name: with a scheme or a path, no request would have it."""
    for value in values:
        if "/" in value:
            raise ValueError(f"{value!r} is not a host name, such as inbox.example.com")
    return values


def _script_name(text: str) -> str:
    """Raise ValueError for what is no path; return it without a slash at its end."""
    if text and not text.startswith("/"):
        raise ValueError("it begins with a slash")
    return text.rstrip("/")


_PAGE = "docs/operating/configuration.md"


class WrongSettings(Exception):
    """Raised when environment variables have values that make no sense; the message names the variables."""


class SiteSettings(InboxSettings, BaseSettings):
    """The settings of one process of the site: the app's and its own."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, enable_decoding=False
    )

    # -- the site ------------------------------------------------------------------------------------
    environment: Literal["development", "test", "production"] = Field(
        "production",
        description="`production` refuses to start with unsafe settings; `development` has demo "
        "users, generated secrets and DEBUG.",
    )
    secret_key: str = Field(
        "",
        repr=False,
        description="Django's secret key: at least 50 characters in production. "
        "Development makes one up and keeps it in `var/`.",
    )
    secret_key_fallbacks: CommaSeparated = Field(
        default_factory=list,
        repr=False,
        description="Earlier secret keys, or the next one, which are still accepted while the key is rotated (Django's "
        "SECRET_KEY_FALLBACKS).",
    )
    allowed_hosts: Annotated[CommaSeparated, AfterValidator(_hosts)] = Field(
        default_factory=list,
        description="Host names that this server answers to (Django's ALLOWED_HOSTS). "
        "Development answers to localhost.",
    )
    use_x_forwarded_host: bool = Field(
        False,
        description="Take the host name from `X-Forwarded-Host` of a trusted proxy that cannot pass on `Host` "
        "(Django's USE_X_FORWARDED_HOST).",
    )
    force_script_name: Annotated[str, AfterValidator(_script_name)] = Field(
        "",
        description="Path below which the site is served (`/inbox`), where the proxy in front does not say so to the "
        "server (Django's FORCE_SCRIPT_NAME).",
    )
    hsts_seconds: int = Field(
        31_536_000,
        ge=0,
        le=315_360_000,
        description="Seconds for which browsers that have used the site over TLS refuse to use it without (HTTP Strict "
        "Transport Security): a year. 0: not at all. Development never says so.",
    )
    hsts_include_subdomains: bool = Field(
        False,
        description="Let that hold for all subdomains of the host, too. Only if each of them is served over TLS.",
    )
    hsts_preload: bool = Field(
        False,
        description="Allow browsers to ship the host in their lists of sites that are used over TLS alone. Needs "
        "`HSTS_INCLUDE_SUBDOMAINS`, and is hard to take back.",
    )
    request_rate: Annotated[str, AfterValidator(_rate)] = Field(
        "100/second burst 50",
        description="Rate of the HTTP requests of one address; counted in each process. Requests beyond it wait, for "
        "10 seconds at most. What Django or a health endpoint answers counts as four: pages, forms, GraphQL without a "
        "token in `Authorization`.",
    )
    sign_in_rate_per_address: Annotated[str, AfterValidator(_rate)] = Field(
        "60/minute burst 100",
        description="Rate limit for attempts to sign in with a password from one address, at `/sign-in/` and "
        "`/admin/login/`, in all processes.",
    )
    sign_in_rate_per_name: Annotated[str, AfterValidator(_rate)] = Field(
        "30/hour burst 10",
        description="Rate limit for attempts to sign in with one username, from all addresses; an address from which "
        "its user has signed in before is counted by itself.",
    )
    stop_delay_seconds: float = Field(
        0.0,
        ge=0,
        le=300,
        description="Seconds for which `manage.py serve` goes on serving when it is asked to stop, while `/readyz` "
        "answers 503: as long as load balancers take to notice.",
    )
    log_format: Literal["json", "text"] | None = Field(
        None,
        description="Each line of the log as a JSON object, or as text. Not set: JSON in production.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe level that is logged."
    )
    pages: bool | None = Field(
        None,
        description="Serve the live inbox page at `/`. Not set: in development only.",
    )
    database_url: Annotated[str, AfterValidator(_database_address)] = Field(
        f"sqlite:///{SITE_DIRECTORY / 'var' / 'inbox.sqlite3'}",
        repr=False,
        description="Database, as a URL: `postgres://user:password@host:5432/name` or "
        "`sqlite:////path/to/file`. With several hosts (`one:5432,two:5432`), the first that can be used. "
        "Production has no default, and it may not be empty.",
    )
    prepared_statements: bool = Field(
        False,
        description="Have PostgreSQL keep the plans of statements that come again. Short lists then cost it less than "
        "half. Set it to `true` for direct connections, and for a pooler that supports prepared statements.",
    )
    redis_url: Annotated[str, AfterValidator(_redis_address)] = Field(
        "",
        repr=False,
        description="Redis that carries doorbells between processes (`redis://host:6379/0`), with TLS `rediss://`, "
        "with Sentinels `redis+sentinel://one:26379,two:26379/main`; several are separated by commas. Empty: "
        "none. A change made by one process then reaches the sockets of another within "
        "`RECONCILE_SECONDS`.",
    )
    redis_password_file: Path | None = Field(
        None,
        description="File with the password of Redis, which is read at each new connection, in place of a password in "
        "`REDIS_URL`.",
    )

    @field_validator("redis_password_file")
    @classmethod
    def _one_password(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        """Raise ValueError if REDIS_URL has a password, too."""
        redis_url = info.data.get("redis_url", "")
        if redis_url and value is not None:
            from live_inbox_site.redis_hosts import redis_hosts

            redis_hosts(redis_url, value)
        return value

    @property
    def is_production(self) -> bool:
        """Whether unsafe settings are refused."""
        return self.environment == "production"

    @property
    def is_development(self) -> bool:
        """Whether conveniences for one developer's machine are on."""
        return self.environment == "development"

    @property
    def is_development_by_file(self) -> bool:
        """Whether only the file `.env` says that this is a developer's machine: it may have come to a server."""
        return self.is_development and not os.environ.get("ENVIRONMENT")

    @property
    def logs_json(self) -> bool:
        """Whether lines of the log are JSON objects."""
        return self.is_production if self.log_format is None else self.log_format == "json"

    @property
    def serves_pages(self) -> bool:
        """Whether there is a live inbox page."""
        return self.is_development if self.pages is None else self.pages

    @property
    def serves_graphiql(self) -> bool:
        """Whether browsers get GraphiQL."""
        return self.is_development if self.graphiql is None else self.graphiql

    def of_the_app(self) -> dict[str, Any]:
        """Return the app's settings, as Django's setting `LIVE_INBOX` takes them."""
        given = {name: getattr(self, name) for name in InboxSettings.model_fields}
        own: dict[str, Any] = {"GRAPHIQL": self.serves_graphiql}
        if self.is_development and not self.types:
            own["TYPES"] = "live_inbox_site.demo_types.DEMO_TYPES"
        return {name.upper(): value for name, value in given.items()} | own


@lru_cache(maxsize=1)
def site_settings() -> SiteSettings:
    """Return the settings of this process, read from the environment once. Raises WrongSettings."""
    # The tests set every variable themselves; a developer's file would change what they test.
    is_test = os.environ.get("ENVIRONMENT") == "test"
    file = None if is_test else SITE_DIRECTORY / ".env"
    try:
        settings = SiteSettings(_env_file=file)
    except OSError as error:
        raise WrongSettings(f"The file {file} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        problems = explain(error)
        raise WrongSettings(f"Wrong settings: {problems}. See {_PAGE}.") from None
    _refuse_another_database(settings, {} if file is None else _lines_of(file))
    if settings.is_production:
        return settings
    generated = {
        name: _kept_secret(name)
        for name in ("secret_key", "jwt_secret")
        if not getattr(settings, name)
    }
    return settings.model_copy(update=generated)


def _lines_of(file: Path) -> dict[str, str | None]:
    """Return what the file has for each variable. Raises WrongSettings for what is read in one way here and in another
    elsewhere."""
    lines = dotenv_values(file, interpolate=False)
    for name, value in lines.items():
        if "${" in (value or ""):
            # The value of another variable would stand there, also between single quotes.
            raise WrongSettings(
                f"Wrong settings: {name} in {file} has ${{. Write it differently, or set the variable itself."
            )
    return lines


def _refuse_another_database(settings: SiteSettings, lines: dict[str, str | None]) -> None:
    """Raise WrongSettings if nobody has named the database: a command would make a new one, and report success."""
    if "" in (os.environ.get("DATABASE_URL"), lines.get("DATABASE_URL")):
        raise WrongSettings(f"Wrong settings: DATABASE_URL is empty. See {_PAGE}.")
    if settings.is_production and "database_url" not in settings.model_fields_set:
        raise WrongSettings(
            "Wrong settings: DATABASE_URL is not set. In production it has no default: set it to postgres://... or, "
            f"for one server, to sqlite:////path/to/file. See {_PAGE}."
        )


def _kept_secret(name: str) -> str:
    """Return a secret that is generated on the first use and kept, so that sessions and tokens survive."""
    path = SITE_DIRECTORY / "var" / f"{name}.secret"
    path.parent.mkdir(exist_ok=True)
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text()
