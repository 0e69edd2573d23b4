"""Django's settings, made from the project's SiteSettings. Nothing is decided here by the name of an environment
that SiteSettings does not know."""

from __future__ import annotations

from typing import Any

from live_inbox.connection_parameters import on_the_network, with_limits
from live_inbox_site.database_url import parse_database_url
from live_inbox_site.environment import SITE_DIRECTORY, SiteSettings, site_settings

_settings = site_settings()

POOL_SIZE = 6
STATEMENT_SECONDS = 120
"""How long PostgreSQL may work on one statement of a page or a command."""

PREPARE_THRESHOLD = 5
"""How often a connection carries out a statement before it has it prepared, by the setting PREPARED_STATEMENTS."""


def _database(url: str) -> dict[str, Any]:
    database = parse_database_url(url)
    options = database.setdefault("OPTIONS", {})
    if "sqlite" in database["ENGINE"]:
        # WAL lets readers go on while somebody writes. IMMEDIATE takes the write lock when a transaction
        # begins: a transaction that starts as a reader cannot be upgraded when another has written meanwhile.
        # FULL, because a commit that a power failure takes back would be an event that devices have seen.
        options |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    else:
        # For the pages of the admin, and commands. The inbox's own threads have connections of their own.
        options |= with_limits(
            on_the_network(options), _settings, statement_seconds=STATEMENT_SECONDS
        )
        if _settings.prepared_statements:
            options.setdefault("prepare_threshold", PREPARE_THRESHOLD)
        options["pool"] = {"min_size": 0, "max_size": POOL_SIZE, "timeout": 5}
    return database


def _channel_layer(settings: SiteSettings) -> dict[str, Any]:
    if not settings.redis_url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    # Here, because redis-py takes long to import.
    from live_inbox_site.redis_hosts import redis_hosts

    hosts = redis_hosts(settings.redis_url, settings.redis_password_file)
    return {
        "BACKEND": "live_inbox.delivery.redis_layer.RedisLayer",
        "CONFIG": {"hosts": hosts, "prefix": "inbox"},
    }


IS_PRODUCTION = _settings.is_production
DEBUG = _settings.is_development
SECRET_KEY = _settings.secret_key
SECRET_KEY_FALLBACKS = list(_settings.secret_key_fallbacks)

ALLOWED_HOSTS = list(_settings.allowed_hosts)
CSRF_TRUSTED_ORIGINS = _settings.origins.for_forms()
USE_X_FORWARDED_HOST = _settings.use_x_forwarded_host

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "live_inbox_site",
    "live_inbox",
    # Last: it extends the user admin, which has to be registered by then.
    "live_inbox.admin_site_extras",
]
MIDDLEWARE = [
    # Before those that check the host or redirect to https: probes know neither.
    "live_inbox.health_middleware.HealthMiddleware",
    # On the event loop, the subclasses of `inline_middleware` take the place of these.
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "live_inbox.web.session_middleware.RevocableAuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
FORCE_SCRIPT_NAME = _settings.force_script_name or None
ROOT_URLCONF = "live_inbox_site.urls"
# Where pages that need a user send visitors.
LOGIN_URL = "sign-in" if _settings.serves_pages else "admin:login"
ASGI_APPLICATION = "live_inbox_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LIVE_INBOX = _settings.of_the_app()

DATABASES = {"default": _database(_settings.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {"default": _channel_layer(_settings)}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
# Relative: Django puts FORCE_SCRIPT_NAME or the server's root path before it.
STATIC_PATH = STATIC_URL = "static/"
STATIC_ROOT = SITE_DIRECTORY / "var" / "static"

DEFAULT_EXCEPTION_REPORTER = "live_inbox.error_reports.RedactingReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "live_inbox.error_reports.RedactingReporterFilter"

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _settings.is_production
# Django and `live_inbox_site.security_headers` send it over TLS only.
SECURE_HSTS_SECONDS = 0 if _settings.is_development else _settings.hsts_seconds
SECURE_HSTS_INCLUDE_SUBDOMAINS = _settings.hsts_include_subdomains
SECURE_HSTS_PRELOAD = _settings.hsts_preload
if _settings.behind_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "tokens": {"()": "live_inbox.log_redaction.RedactTokens"},
        "refusals": {"()": "live_inbox_site.log_refusals.BriefRefusals"},
    },
    "formatters": {
        "json": {"()": "live_inbox.json_log.JsonLines"},
        "text": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if _settings.logs_json else "text",
            "filters": ["refusals", "tokens"],
        }
    },
    "root": {"handlers": ["console"], "level": _settings.log_level},
    "loggers": {
        # With DEBUG, Django gives it a handler without the filter.
        "django": {"handlers": [], "level": _settings.log_level},
        "uvicorn": {"handlers": ["console"], "level": _settings.log_level, "propagate": False},
        "uvicorn.error": {
            "handlers": ["console"],
            "level": _settings.log_level,
            "propagate": False,
        },
        "uvicorn.access": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # Of live_inbox.internals.uvicorn_sockets: at INFO, two lines for each socket.
        "uvicorn.sockets": {"level": "WARNING"},
        # Logs a traceback for each second of an outage of Redis, which the hub reports in two lines.
        "channels_redis.pubsub": {"level": "CRITICAL"},
        # Logs a traceback for each request with a wrong Host, of which scanners send as many as they like.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # Log a line for each request that is refused with 4xx. Whoever is refused could fill the disk.
        "django.request": {"level": "ERROR"},
        "django.security.csrf": {"level": "ERROR"},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
