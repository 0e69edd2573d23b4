"""The form that sends a notification to one user, to several or to all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import AdminSplitDateTime, AdminTextareaWidget
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput

from live_inbox import database, services
from live_inbox.admin.key_fields import SafeModelMultipleChoiceField, users_widget
from live_inbox.content import CONTENT_FIELDS
from live_inbox.errors import InvalidInput, NotificationError
from live_inbox.identity.accounts import active_users
from live_inbox.models import Notification
from live_inbox.send_policy import check_may_send

FIELDS = ("recipients", "everybody", *CONTENT_FIELDS)
_FIELD_OF = {"recipient_id": "recipients", "recipient_ids": "recipients", "sender_id": None}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of sending: counts, and the notification if there was one recipient who received it."""

    sent: int
    suppressed: int
    notification: Notification | None = None

    def __str__(self) -> str:
        users = "1 user" if self.sent == 1 else f"{self.sent} users"
        unwanted = f" {self.suppressed} turned off this type." if self.suppressed else ""
        return f"Sent to {users}.{unwanted}"


class JSONField(forms.JSONField):
    """A JSON field that accepts any text: invalid text becomes a form error and is shown again as typed."""

    def to_python(self, value: Any) -> Any:
        """Return the decoded value; raise ValidationError."""
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as error:
            # Nested too deeply, or an integer with thousands of digits.
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the submitted text: re-encoded, it may be invalid, such as half a surrogate pair."""
        return InvalidJSONInput(data or "")


class SendForm(forms.Form):
    """Accepts any content. The services validate it when it is sent."""

    recipients = SafeModelMultipleChoiceField(
        queryset=get_user_model()._default_manager.none(),
        required=False,
        help_text="Searching requires the permission to view users.",
    )
    everybody = forms.BooleanField(label="All active users", required=False)
    type = forms.CharField(
        initial="general",
        help_text="Letters, digits, '-', '_' and '.': for example billing.invoice.",
    )
    title = forms.CharField(widget=forms.TextInput(attrs={"class": "vTextField"}))
    message = forms.CharField(widget=AdminTextareaWidget, required=False)
    link = forms.CharField(
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        required=False,
        help_text="A path on this site, or an http(s) URL.",
    )
    data = JSONField(  # type: ignore[assignment]  # the form's own `data` is another thing
        widget=AdminTextareaWidget(attrs={"rows": 4}),
        required=False,
        initial=dict,
        help_text="A JSON object for programs.",
    )
    expires_at = forms.SplitDateTimeField(
        widget=AdminSplitDateTime(),
        required=False,
        help_text="When the notification is deleted automatically. Empty: never.",
    )

    def __init__(self, *args: Any, site: AdminSite, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in CONTENT_FIELDS.keys() - self.fields.keys():
            # A content field without a widget of its own here.
            column: Any = Notification._meta.get_field(name)
            self.fields[name] = column.formfield(required=False)
        recipients: Any = self.fields["recipients"]
        recipients.queryset = database.queryset(get_user_model())
        recipients.widget = users_widget(
            Notification._meta.get_field("recipient"), site, recipients.choices
        )

    def clean(self) -> dict[str, Any]:
        """Require either selected users or all active users."""
        values = super().clean() or self.cleaned_data
        chosen = bool(values.get("recipients"))
        if chosen == bool(values.get("everybody")) and "recipients" not in self.errors:
            self.add_error("recipients", "Select users, or all active users.")
        return values

    def send(self, sender: Any) -> Outcome | None:
        """Send the content of a valid form. If the services refuse it, add the error to the form and return None."""
        try:
            return self._send(sender)
        except InvalidInput as error:
            self.add_error(_FIELD_OF.get(error.field, error.field), error.message)
        except NotificationError as error:
            self.add_error("recipients", error.message)
        return None

    def _send(self, sender: Any) -> Outcome:
        recipients = self._recipients()
        for recipient_id in recipients:
            check_may_send(sender, recipient_id=str(recipient_id))
        content: Any = {
            name: self.cleaned_data[name] or declared.default
            for name, declared in CONTENT_FIELDS.items()
        }
        if len(recipients) == 1:
            sent = services.send(recipient_id=recipients[0], sender_id=sender.pk, **content)
            return Outcome(int(not sent.suppressed), int(sent.suppressed), sent.notification)
        many = services.send_many(recipient_ids=recipients, sender_id=sender.pk, **content)
        return Outcome(many.sent, many.suppressed)

    def _recipients(self) -> Sequence[Any]:
        if self.cleaned_data["everybody"]:
            return list(active_users().values_list("pk", flat=True))
        return sorted(user.pk for user in self.cleaned_data["recipients"])
