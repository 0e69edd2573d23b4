"""Settings of the peers that serve the inbox over HTTP."""

from __future__ import annotations

import os
from typing import Any

import dj_database_url

from benchmarks.peers.tokens import SECRET

SECRET_KEY = SECRET
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "benchmarks.peers.inbox_app",
    *os.environ.get("APPS", "").split(),
]
ROOT_URLCONF = os.environ.get("URLS", "")
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_DATABASE: Any = dj_database_url.parse(os.environ["DATABASE_URL"])
if os.environ.get("POOL"):
    # Under ASGI, Django advises against persistent connections: each request has a thread of its own.
    _DATABASE["OPTIONS"] = {"pool": {"min_size": 2, "max_size": 10}}
else:
    _DATABASE["CONN_MAX_AGE"] = None
DATABASES = {"default": _DATABASE}
if os.environ.get("REDIS_URL"):
    _LAYER = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
    }
    CHANNEL_LAYERS = {"default": _LAYER}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SIMPLE_JWT = {"SIGNING_KEY": SECRET, "USER_ID_CLAIM": "sub"}
