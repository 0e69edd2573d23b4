"""Settings of the peers on Channels."""

from __future__ import annotations

import os
from typing import Any

SECRET_KEY = "only-for-benchmarks"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["channels"]
USE_TZ = True
_HOSTS: list[Any] = [{"address": os.environ["REDIS_URL"]}]
if os.environ["LAYER"] == "channels_redis.core.RedisChannelLayer":
    # Its blocking read takes as long as the default time limit of redis-py 8, which then ends idle sockets.
    _HOSTS[0]["socket_timeout"] = None
CHANNEL_LAYERS = {"default": {"BACKEND": os.environ["LAYER"], "CONFIG": {"hosts": _HOSTS}}}
