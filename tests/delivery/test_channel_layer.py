"""What is looked up on a channel layer that may not have it."""

from __future__ import annotations

from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from live_inbox.delivery.channel_layer import extension
from live_inbox.delivery.redis_layer import RedisLayer


def test_extensions_are_found_without_an_event_loop() -> None:
    assert extension(RedisLayer(), "receive_into") is not None
    assert extension(RedisLayer(), "group_expiry") is None
    assert extension(RedisPubSubChannelLayer(), "receive_into") is None
    assert extension(RedisChannelLayer(), "group_expiry") == 86_400
    assert extension(InMemoryChannelLayer(), "group_expiry") == 86_400
