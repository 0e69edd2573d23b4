"""The form of one notification: what of it the admin can change, each by the service that does it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime, AdminTextareaWidget

from live_inbox import services
from live_inbox.admin.base import InboxModelForm
from live_inbox.clock import clock
from live_inbox.errors import InvalidInput
from live_inbox.events import Folder
from live_inbox.models import Notification
from live_inbox.services.editing import edited_values
from live_inbox.services.moving import check_snooze

EDITED = ("title", "message", "link")
"""The content that can be changed."""

PLACE = ("folder", "snoozed_until", "pinned")
"""Where it is."""

_FOLDERS = [
    (Folder.INBOX.value, "Inbox"),
    (Folder.ARCHIVE.value, "Archive"),
    (Folder.SNOOZED.value, "Snoozed"),
]


class NotificationForm(InboxModelForm):
    """Changes the texts, the link, the read state and the place: devices show it so in that moment.

    All is compared with the values that the page showed, not with the current ones: saving an unchanged page must not
    undo what the user and others have done since.
    """

    title = forms.CharField(
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        required=False,
        show_hidden_initial=True,
    )
    message = forms.CharField(widget=AdminTextareaWidget, required=False, show_hidden_initial=True)
    link = forms.CharField(
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        required=False,
        show_hidden_initial=True,
    )
    folder = forms.ChoiceField(choices=_FOLDERS, required=False, show_hidden_initial=True)
    snoozed_until = forms.SplitDateTimeField(
        label="Snoozed until",
        widget=AdminSplitDateTime,
        required=False,
        show_hidden_initial=True,
        help_text="When a snoozed notification returns to the top of the inbox, unread.",
    )
    pinned = forms.BooleanField(required=False, show_hidden_initial=True)
    read = forms.BooleanField(label="Read", required=False, show_hidden_initial=True)

    class Meta:
        model = Notification
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("read", *PLACE):
            if name in self.fields:
                self.fields[name].initial = getattr(self.instance, name)

    @property
    def edited(self) -> dict[str, Any]:
        """The new values of the content that the form has changed."""
        return {name: self.cleaned_data[name] for name in EDITED if self.changes(name)}

    @property
    def moves(self) -> bool:
        """Whether it goes to another folder, or is snoozed until another moment."""
        folder = self.cleaned_data.get("folder")
        moment = folder == Folder.SNOOZED and self.changes("snoozed_until")
        return bool(folder) and (self.changes("folder") or moment)

    def changes(self, name: str) -> bool:
        """Whether the form gives this field another value than the page showed."""
        return name in self.changed_data and name in self.cleaned_data

    def clean(self) -> dict[str, Any]:
        """Refuse what the services would refuse."""
        values = super().clean() or self.cleaned_data
        now = clock.now()
        try:
            edited_values(self.instance, self.edited, now)
        except InvalidInput as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
        if self.moves and values["folder"] == Folder.SNOOZED and "snoozed_until" in values:
            self._check_snooze(values["snoozed_until"], now)
        return values

    def _check_snooze(self, until: datetime | None, now: datetime) -> None:
        if until is None:
            self.add_error("snoozed_until", "Say until when.")
            return
        try:
            check_snooze(until, now)
        except InvalidInput as error:
            self.add_error("snoozed_until", error.message)


def apply(form: NotificationForm) -> None:
    """Make the changes of a valid form. Raises NotFound, Conflict and InvalidInput as the services do."""
    notification, values = form.instance, form.cleaned_data
    one: dict[str, Any] = {
        "user_id": notification.recipient_id,
        "notification_id": notification.pk,
    }
    if form.edited:
        services.edit(notification_id=notification.pk, **form.edited)
    if form.changes("pinned"):
        pin = services.pin if values["pinned"] else services.unpin
        pin(**one)
    if form.moves:
        if values["folder"] == Folder.SNOOZED:
            services.snooze(**one, until=values["snoozed_until"])
        elif values["folder"] == Folder.ARCHIVE:
            services.archive(**one)
        else:
            # Whichever of the two it is in: each does nothing in the other's folder.
            services.unarchive(**one)
            services.unsnooze(**one)
    # At the end, because what returns from a snooze is unread.
    if form.changes("read"):
        mark = services.mark_read if values["read"] else services.mark_unread
        mark(**one)
