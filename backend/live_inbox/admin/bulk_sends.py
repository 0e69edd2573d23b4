"""The admin of campaigns and other recorded bulk sends: how far each has come, with buttons to cancel and to recall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import URLPattern

from live_inbox import selectors, services
from live_inbox.admin.base import ONE_ROW, ReadOnlyAdmin
from live_inbox.admin.campaign_progress import advance, progress
from live_inbox.admin.rendering import STYLES
from live_inbox.bulk_states import RECALLABLE, SENDING
from live_inbox.campaigns import Campaign, campaign_of, campaign_rows, name_of, read_campaign
from live_inbox.errors import NotFound
from live_inbox.models import BulkSend

# Django's type stubs accept only file names here.
_SCRIPT: Any = forms.Script("live_inbox/admin/campaign.js", defer=True)


class BulkSendAdmin(ReadOnlyAdmin):
    """Lists the bulk sends that are remembered, the one that was continued last first."""

    change_form_template = "admin/live_inbox/bulksend/change_form.html"
    list_display = (
        "name",
        "sender",
        "shown_state",
        "recipients",
        "sent",
        "suppressed",
        "failed",
        "scheduled",
        "started_at",
        "changed_at",
    )
    list_display_links = ("name",)
    list_filter = ("state",)
    list_select_related = ("sender",)
    search_fields = ("=idempotency_key",)
    search_help_text = "A complete idempotency key."
    ordering = ("-changed_at", "-pk")
    sortable_by = ()
    show_full_result_count = False
    fields = (
        "name",
        "idempotency_key",
        "sender",
        "audience",
        "reception",
        "chunks",
        "deliver_at",
        "started_at",
        "changed_at",
    )
    readonly_fields = ("name", "audience", "reception")

    class Media:
        css: ClassVar = STYLES

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkSend]:
        """Return the bulk sends with the sums of their chunks."""
        rows = campaign_rows()
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user may view a bulk send: by permission, or because they have sent it."""
        if super().has_view_permission(request, obj):
            return True
        return obj is not None and obj.sender_id == request.user.pk and _may_send(request)

    def get_urls(self) -> list[URLPattern]:
        """Return the pages of Django, and what the page of a campaign calls."""
        views = {
            "progress": self.progress_view,
            "cancel": self.cancel_view,
            "recall": self.recall_view,
        }
        return [*self.own_pages(ONE_ROW, views), *super().get_urls()]

    # -- one campaign -------------------------------------------------------------------------------------

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Show how far a bulk send has come, with the buttons that its user may press."""
        if obj is not None:
            campaign = campaign_of(obj)
            context["subtitle"] = self.name(obj)
            context["campaign"] = campaign
            context["progress"] = progress(campaign)
            context["may_end"] = _may_send(request)
            context["may_cancel"] = campaign.state in SENDING
            context["may_recall"] = campaign.state in RECALLABLE
            for name in ("progress", "cancel", "recall"):
                context[f"{name}_url"] = self.address(name, campaign.id)
            context["media"] += forms.Media(js=[_SCRIPT])
        return super().render_change_form(request, context, add, change, form_url, obj)

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return how far a campaign has come, as JSON. What is posted works on it for a moment first.

        So that it is carried out where no server process does it, and the page is watched by somebody who may send.
        """
        campaign = self._campaign(request, object_id)
        if request.method == "POST" and _may_send(request):
            campaign = advance(campaign)
        return JsonResponse(progress(campaign))

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Cancel a campaign."""
        return self._end(request, object_id, services.cancel_campaign, "Cancelled.")

    def recall_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Recall a campaign."""
        return self._end(request, object_id, services.recall_campaign, "Recalled.")

    def _end(
        self, request: HttpRequest, object_id: str, end: Callable[..., Campaign], text: str
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        before = self._campaign(request, object_id)
        if not _may_send(request):
            raise PermissionDenied
        campaign = end(campaign_id=before.id)
        if campaign.state is before.state:
            self.message_user(request, "Nothing was changed: it has ended.", messages.WARNING)
        else:
            self.log_change(request, self.get_object(request, object_id), text)
            self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(self.address("change", campaign.id))

    def _campaign(self, request: HttpRequest, object_id: str) -> Campaign:
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        try:
            return read_campaign(obj.pk)
        except NotFound:
            raise Http404 from None

    # -- columns ------------------------------------------------------------------------------------------

    @admin.display(description="title")
    def name(self, bulk_send: Any) -> str:
        """The title, or the type whose template makes it."""
        return name_of(bulk_send)

    @admin.display(description="state")
    def shown_state(self, bulk_send: Any) -> str:
        """What is being done about it: a call of send_many that is done may have scheduled it."""
        return campaign_of(bulk_send).state.value

    @admin.display(description="sent")
    def sent(self, bulk_send: Any) -> int:
        """How many recipients got the notification."""
        return int(bulk_send.sent)

    @admin.display(description="type turned off")
    def suppressed(self, bulk_send: Any) -> int:
        """How many recipients had turned the type off."""
        return int(bulk_send.suppressed)

    @admin.display(description="failed")
    def failed(self, bulk_send: Any) -> int:
        """How many recipients it could not be sent to."""
        return int(bulk_send.failed)

    @admin.display(description="scheduled")
    def scheduled(self, bulk_send: Any) -> int:
        """How many recipients get it later."""
        return int(bulk_send.scheduled)

    @admin.display(description="audience")
    def audience(self, bulk_send: Any) -> str:
        """How the recipients are named."""
        campaign = campaign_of(bulk_send)
        if campaign.audience is None:
            return "a call of send_many"
        return f"{campaign.audience.value} {campaign.audience_name}".strip()

    @admin.display(description="seen and read")
    def reception(self, bulk_send: Any) -> str:
        """How many of those who have it have seen it, and how many have read it."""
        found = selectors.reception(campaign_id=bulk_send.pk)
        about = "" if found.is_exact else "about "
        return f"{about}{found.seen:,} have seen it, {about}{found.read:,} have read it"


def _may_send(request: HttpRequest) -> bool:
    return request.user.has_perm("live_inbox.send_notification")
