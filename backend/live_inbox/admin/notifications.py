"""The admin of notifications: search, send, edit, mark as read or unread, delete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from live_inbox import services
from live_inbox.admin.base import InboxModelAdmin
from live_inbox.admin.confirmation import asked
from live_inbox.admin.filters import (
    CategoryFilter,
    FolderFilter,
    PinnedFilter,
    PriorityFilter,
    ReadFilter,
    TypeFilter,
)
from live_inbox.admin.history import log_by_number
from live_inbox.admin.notification_form import EDITED, PLACE, NotificationForm, apply
from live_inbox.admin.notification_list import FILTERED_ROWS, NotificationList
from live_inbox.admin.paginator import CappedPaginator
from live_inbox.admin.rendering import (
    STYLES,
    as_json,
    counted,
    place_badge,
    priority_badge,
    state_badge,
    type_badge,
    user_search,
)
from live_inbox.admin.selection import refuse_large_selection
from live_inbox.admin.send_preview import cards, preview
from live_inbox.admin.sending import CONFIRM_ABOVE, Outcome, SendForm, users
from live_inbox.admin.statistics import statistics_page
from live_inbox.errors import Conflict, InvalidInput, NotFound
from live_inbox.events import Folder
from live_inbox.models import Notification

# Django's type stubs accept only file names here.
_SCRIPT: Any = forms.Script("live_inbox/admin/preview.js", defer=True)
_PREVIEW = forms.Media(js=[_SCRIPT])

CONFIRMED = "_confirmed"
"""The name of the button that has been asked whether to send to many."""


class NotificationAdmin(InboxModelAdmin):
    """Makes every change through a service, so that it becomes an event of the inbox."""

    form = NotificationForm
    add_form_template = "admin/live_inbox/notification/send.html"
    list_display = ("title", "recipient", "type_shown", "state", "created", "sender")
    list_filter = (
        ReadFilter,
        FolderFilter,
        PriorityFilter,
        PinnedFilter,
        CategoryFilter,
        TypeFilter,
        ("created_at", admin.DateFieldListFilter),
    )
    # How many rows each choice has would be counted in the whole table.
    show_facets = admin.ShowFacets.NEVER
    list_select_related = ("recipient", "sender")
    search_fields = (user_search("recipient"), "title", "message")
    search_help_text = (
        "Part of a username, a title or a text. "
        f"Filters alone choose from the newest {FILTERED_ROWS:,} notifications."
    )
    ordering = ("-pk",)
    sortable_by = ()
    paginator = CappedPaginator
    show_full_result_count = False
    actions = (
        "mark_read",
        "mark_unread",
        "archive",
        "unarchive",
        "pin",
        "unpin",
        "recall",
        "delete_selected",
    )
    fields = (
        "recipient",
        "sender",
        "type",
        "title",
        "message",
        "link",
        "data_shown",
        "created_at",
        "expires_at",
        "priority",
        "icon",
        "actor_shown",
        "target_shown",
        "actions_shown",
        "format",
        "folder",
        "snoozed_until",
        "pinned",
        "group_key",
        "performed_action",
        "performed_at",
        "edited_at",
        "read_at",
        "read",
    )
    readonly_fields = tuple(name for name in fields if name not in (*EDITED, *PLACE, "read"))

    class Media:
        css: ClassVar = STYLES

    @admin.display(description="type")
    def type_shown(self, notification: Notification) -> SafeString:
        """The type as a colored badge."""
        return type_badge(notification.type)

    @admin.display(description="state")
    def state(self, notification: Notification) -> SafeString:
        """Read or unread, and what is not as usual: the priority, the pin and the folder. As badges."""
        badges = [state_badge(read=notification.read)]
        if notification.priority != "normal":
            badges.append(priority_badge(notification.priority))
        if notification.pinned:
            badges.append(place_badge("pinned"))
        if notification.folder != Folder.INBOX:
            badges.append(place_badge(notification.folder))
        return format_html_join(" ", "{}", ((badge,) for badge in badges))

    @admin.display(description="created at")
    def created(self, notification: Notification) -> object:
        """The time when it was sent."""
        return notification.created_at

    @admin.display(description="data")
    def data_shown(self, notification: Notification) -> SafeString:
        """The data for programs, as indented JSON."""
        return as_json(notification.data)

    @admin.display(description="actor")
    def actor_shown(self, notification: Notification) -> SafeString | None:
        """Who did it, as indented JSON."""
        return notification.actor and as_json(notification.actor)

    @admin.display(description="target")
    def target_shown(self, notification: Notification) -> SafeString | None:
        """What it is about, as indented JSON."""
        return notification.target and as_json(notification.target)

    @admin.display(description="actions")
    def actions_shown(self, notification: Notification) -> SafeString | None:
        """What can be done, as indented JSON."""
        return notification.actions and as_json(notification.actions)

    # -- the list -----------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NotificationList]:
        """Return the class of the list."""
        return NotificationList

    # -- sending ------------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the user may send notifications."""
        return request.user.has_perm("live_inbox.send_notification")

    def get_urls(self) -> list[URLPattern]:
        """Return the pages of Django, the preview of the send form, and the statistics."""
        views = {"preview": self.preview_view, "statistics": self.statistics_view}
        return [*self.own_pages("", views), *super().get_urls()]

    def statistics_view(self, request: HttpRequest) -> HttpResponse:
        """Show what was delivered, and what has become of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return statistics_page(request, self.admin_site, self.media)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Return what the form that is posted would send, and to how many, as JSON. Sends nothing."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return JsonResponse(preview(self._send_form(request)))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show and process the form that sends, and ask again before it sends to many."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self._send_form(request)
        if form.is_valid():
            count = form.count()
            if count is not None and count > CONFIRM_ABOVE and CONFIRMED not in request.POST:
                page = self._confirmation(request, form, count)
                if page is not None:
                    return page
            elif count is not None and (outcome := form.send(request.user)) is not None:
                return self._response_sent(request, form, outcome)
        context = {**self._send_context(request, form), **(extra_context or {})}
        return self.render_change_form(request, context, add=True, form_url=form_url)

    def _send_form(self, request: HttpRequest) -> SendForm:
        site, model = self.admin_site, get_user_model()
        # As Django decides who may use the search of its widget.
        may_search_users = not site.is_registered(model) or site.get_model_admin(
            model
        ).has_view_permission(request)
        return SendForm(request.POST or None, site=site, may_search_users=may_search_users)

    def _response_sent(
        self, request: HttpRequest, form: SendForm, outcome: Outcome
    ) -> HttpResponse:
        if not outcome.is_repeated:
            content = form.cleaned_data
            self._record(request, outcome, content["title"] or content["type"])
        level = messages.SUCCESS if outcome.is_successful else messages.WARNING
        self.message_user(request, str(outcome), level)
        if outcome.campaign is None:
            return self.response_post_save_add(request, outcome.notification)
        address = reverse(
            "admin:live_inbox_bulksend_change",
            args=[outcome.campaign.id],
            current_app=self.admin_site.name,
        )
        return HttpResponseRedirect(address)

    def _confirmation(
        self, request: HttpRequest, form: SendForm, count: int
    ) -> HttpResponse | None:
        """Return the page that asks whether to send; None, with an error added to the form, for wrong content."""
        try:
            shown = cards(form)
        except InvalidInput as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"Send to {users(count)}?",
            "opts": self.opts,
            "recipients": users(count),
            "cards": shown,
            "confirmed": CONFIRMED,
            # All that was posted, to be posted again.
            "fields": [
                (name, value)
                for name, values in request.POST.lists()
                if name != "csrfmiddlewaretoken"
                for value in values
            ],
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/live_inbox/notification/confirm.html", context)

    def _send_context(self, request: HttpRequest, form: SendForm) -> dict[str, Any]:
        # Django's stubs ask for a ModelForm; any form works.
        any_form: Any = form
        fieldsets: Any = [(None, {"fields": form.order})]
        page = helpers.AdminForm(any_form, fieldsets, {}, model_admin=self)
        return {
            **self.admin_site.each_context(request),
            "preview_url": reverse(
                "admin:live_inbox_notification_preview", current_app=self.admin_site.name
            ),
            "title": "Send notification",
            "adminform": page,
            "errors": helpers.AdminErrorList(any_form, []),
            "media": self.media + page.media + _PREVIEW,
            "inline_admin_formsets": [],
            "is_popup": False,
            "to_field": None,
        }

    def _record(self, request: HttpRequest, outcome: Outcome, title: str) -> None:
        """Record in the admin's history who sent the notification and to how many users."""
        if outcome.notification is not None:
            self.log_addition(request, outcome.notification, str(outcome))
            return
        user_id: Any = request.user.pk
        LogEntry.objects.create(
            user_id=user_id,
            content_type=ContentType.objects.get_for_model(Notification),
            object_repr=title[:200],
            action_flag=ADDITION,
            change_message=str(outcome),
        )

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        """Record a notification that was sent."""
        return log_by_number(request.user.pk, [obj], ADDITION, message)[0]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        """Record a notification that was marked."""
        return log_by_number(request.user.pk, [obj], CHANGE, message)[0]

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[LogEntry]:
        """Record notifications that are about to be deleted."""
        return log_by_number(request.user.pk, queryset, DELETION)

    # -- one notification ---------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields that cannot be changed: the content, for who may not send; the place, of a folded one."""
        fields = super().get_readonly_fields(request, obj)
        if not self.has_add_permission(request):
            fields = (*fields, *EDITED)
        if obj is not None and obj.folder == Folder.GROUPED:
            fields = (*fields, *PLACE)
        return fields

    def save_model(self, request: HttpRequest, obj: Notification, form: Any, change: bool) -> None:
        """Make the changes of the form through the services."""
        apply(form)

    def delete_model(self, request: HttpRequest, obj: Notification) -> None:
        """Delete the notification through the service."""
        services.delete(user_id=obj.recipient_id, notification_id=obj.pk)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show or change a notification; redirect with a message if it can no longer be changed so."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except NotFound:
            return self._redirect_after_deletion(request)
        except (Conflict, InvalidInput) as error:
            self.message_user(request, f"Nothing was changed. {error.message}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Delete a notification; redirect with a message if its user has deleted it in the meantime."""
        try:
            return super().delete_view(request, *args, **kwargs)
        except NotFound:
            return self._redirect_after_deletion(request)

    def _redirect_after_deletion(self, request: HttpRequest) -> HttpResponseRedirect:
        self.message_user(request, "The user has deleted this notification.", messages.WARNING)
        # The site may have a name of its own.
        site = self.admin_site.name
        address = reverse("admin:live_inbox_notification_changelist", current_app=site)
        return HttpResponseRedirect(address)

    # -- many notifications -------------------------------------------------------------------------------

    @admin.action(description="Mark selected notifications as read", permissions=["change"])
    def mark_read(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Mark the selected notifications as read."""
        self._change_each(request, queryset, services.mark_read, "Read", "Marked {} as read.")

    @admin.action(description="Mark selected notifications as unread", permissions=["change"])
    def mark_unread(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Mark the selected notifications as unread."""
        self._change_each(request, queryset, services.mark_unread, "Read", "Marked {} as unread.")

    @admin.action(description="Archive selected notifications", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Move the selected notifications to their users' archives."""
        self._change_each(request, queryset, services.archive, "folder", "Archived {}.")

    @admin.action(
        description="Move selected notifications out of the archive", permissions=["change"]
    )
    def unarchive(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Move the selected notifications from the archives back."""
        words = "Moved {} out of the archive."
        self._change_each(request, queryset, services.unarchive, "folder", words)

    @admin.action(description="Pin selected notifications", permissions=["change"])
    def pin(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Pin the selected notifications."""
        self._change_each(request, queryset, services.pin, "pinned", "Pinned {}.")

    @admin.action(description="Unpin selected notifications", permissions=["change"])
    def unpin(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Unpin the selected notifications."""
        self._change_each(request, queryset, services.unpin, "pinned", "Unpinned {}.")

    def _change_each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Notification],
        change: Callable[..., services.Changed],
        field: str,
        words: str,
    ) -> None:
        if refuse_large_selection(self, request, queryset):
            return
        changed = []
        refusals: Counter[str] = Counter()
        for notification in queryset.order_by("pk"):
            try:
                result = change(user_id=notification.recipient_id, notification_id=notification.pk)
            except NotFound:
                continue  # deleted by the user since the list was read
            except Conflict as error:
                refusals[error.message] += 1
                continue
            if result.changed:
                changed.append(notification)
        user_id: Any = request.user.pk
        log_by_number(user_id, changed, CHANGE, [{"changed": {"fields": [field]}}])
        text = words.format(counted(len(changed), "notification"))
        self.message_user(request, text, messages.SUCCESS)
        for message, count in refusals.items():
            text = f"Left {counted(count, 'notification')} as before. {message}"
            self.message_user(request, text, messages.WARNING)

    def has_recall_permission(self, request: HttpRequest) -> bool:
        """Whether the user may take back what was sent: whoever may send."""
        return self.has_add_permission(request)

    @admin.action(description="Recall selected notifications", permissions=["recall"])
    def recall(
        self, request: HttpRequest, queryset: QuerySet[Notification]
    ) -> HttpResponseBase | None:
        """Take back the selected notifications after confirmation."""
        if refuse_large_selection(self, request, queryset):
            return None
        text = "These notifications are deleted at their recipients, as their sender's side."
        page = asked(self, request, queryset, title="Recall", text=text)
        if page is not None:
            return page
        rows = [row for row in queryset.order_by("pk") if services.recall(notification_id=row.pk)]
        user_id: Any = request.user.pk
        log_by_number(user_id, rows, DELETION, "Recalled.")
        text = f"Recalled {counted(len(rows), 'notification')}."
        self.message_user(request, text, messages.SUCCESS)
        return None

    @admin.action(description="Delete selected notifications", permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Notification]
    ) -> HttpResponseBase | None:
        """Delete the selected notifications after confirmation."""
        if refuse_large_selection(self, request, queryset):
            return None
        return delete_selected(self, request, queryset)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Delete each notification; skip those that their users have deleted in the meantime."""
        for notification in queryset.order_by("pk"):
            try:
                services.delete(user_id=notification.recipient_id, notification_id=notification.pk)
            except NotFound:
                continue
