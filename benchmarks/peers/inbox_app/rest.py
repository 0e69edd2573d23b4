"""Django REST framework: serializers of models, and the tokens of djangorestframework-simplejwt."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.peers.inbox_app.models import Inbox, Notification


class SenderSerializer(serializers.ModelSerializer):
    """A sender."""

    name = serializers.CharField(source="get_full_name")

    class Meta:
        model = User
        fields: ClassVar = ["name"]


class NotificationSerializer(serializers.ModelSerializer):
    """A notification."""

    sender = SenderSerializer()

    class Meta:
        model = Notification
        fields: ClassVar = [
            *("id", "type", "title", "message", "link", "read", "created_at", "sender")
        ]


class NotificationList(APIView):
    """The newest notifications of the caller."""

    def get(self, request: Request) -> Response:
        """Return the page and the counts."""
        user: Any = request.user
        inbox = Inbox.objects.get(pk=user.pk)
        rows = Notification.objects.filter(recipient=user).select_related("sender").order_by("-id")
        limit = int(request.query_params.get("limit", 20))
        return Response(
            {
                "count": inbox.total_count,
                "unread": inbox.unread_count,
                "results": NotificationSerializer(rows[:limit], many=True).data,
            }
        )


urlpatterns = [path("notifications/", NotificationList.as_view())]
