"""The form that sends a notification to one user, to several, to a topic, to a segment or to all."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import AdminSplitDateTime, AdminTextareaWidget
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput

from live_inbox import database, services
from live_inbox.admin.key_fields import SafeModelMultipleChoiceField, users_widget
from live_inbox.admin.type_fields import type_widget
from live_inbox.bulk_states import AudienceKind
from live_inbox.campaigns import Campaign
from live_inbox.conf import inbox_settings
from live_inbox.content import CONTENT_FIELDS
from live_inbox.content_parts import FORMATS
from live_inbox.declared_types import declared_type, declared_types
from live_inbox.errors import Conflict, InvalidInput, NotificationError
from live_inbox.models import Notification
from live_inbox.send_policy import check_may_send
from live_inbox.services import SendManyInterrupted
from live_inbox.services.bulk_keys import key_of_recipient
from live_inbox.services.campaign_audience import Audience
from live_inbox.services.send_for_caller import check_may_name

CONFIRM_ABOVE = 50
"""Recipients beyond whom the page asks again, and sends in the background."""

AUDIENCES = ("recipients", "topic", "segment", "everybody")
"""The fields of which one says who gets it."""

_FIELDS = (*AUDIENCES, *CONTENT_FIELDS, "deliver_at", "context", "token")
_FIELD_OF = {"recipient_id": "recipients", "recipient_ids": "recipients", "sender_id": None}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of sending: counts, and the notification if there was one recipient who received it."""

    sent: int
    suppressed: int
    replayed: int = 0
    scheduled: int = 0
    notification: Notification | None = None
    campaign: Campaign | None = None
    """What is sent in the background."""

    @property
    def is_repeated(self) -> bool:
        """Whether the form was submitted before, and nothing was sent now."""
        if self.campaign is not None:
            return self.campaign.replayed
        return self.replayed > 0 and self.sent == 0 and self.scheduled == 0

    @property
    def is_successful(self) -> bool:
        """Whether anybody has the notification, or gets it later."""
        return bool(self.sent or self.replayed or self.scheduled or self.campaign)

    def __str__(self) -> str:
        if self.campaign is not None:
            if self.is_repeated:
                return "This form was submitted before. Nothing is sent again."
            is_later = self.campaign.deliver_at is not None
            return f"{'Scheduled for' if is_later else 'Sending to'} {users(self.campaign.total)}."
        if self.is_repeated:
            return f"Already sent to {users(self.replayed)}. Nothing was sent again."
        repeated = f" {users(self.replayed)} had it already." if self.replayed else ""
        unwanted = f" {self.suppressed} turned off this type." if self.suppressed else ""
        if self.scheduled:
            return f"Scheduled for {users(self.scheduled)}.{repeated}{unwanted}"
        return f"Sent to {users(self.sent)}.{repeated}{unwanted}"


def users(count: int) -> str:
    """Return how many users there are, in words: with thousands apart, so that a large number is seen as one."""
    return "1 user" if count == 1 else f"{count:,} users"


def new_token() -> str:
    """Return a token that no other form has."""
    return secrets.token_hex(16)


def _moment_widget(label: str) -> AdminSplitDateTime:
    """Return Django's widget for a moment, whose two fields have no labels of their own."""
    widget = AdminSplitDateTime()
    for part, name in zip(widget.widgets, ("date", "time"), strict=True):
        part.attrs["aria-label"] = f"{label}: {name}"
    return widget


class JSONField(forms.JSONField):
    """A JSON field that accepts any text: invalid text becomes a form error and is shown again as typed.

    Without a value it is empty, where Django's shows `null`.
    """

    def prepare_value(self, value: Any) -> Any:
        """Return the text that is shown of a value."""
        return "" if value is None else super().prepare_value(value)

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
    """Accepts any content. The services validate it when it is sent.

    A form that is submitted twice, by a double click or a reload, sends once: its hidden token, with the content, is
    the idempotency key. With other content, it is another notification.
    """

    recipients = SafeModelMultipleChoiceField(
        queryset=get_user_model()._default_manager.none(), required=False
    )
    everybody = forms.BooleanField(label="All active users", required=False)
    topic = forms.CharField(
        required=False, help_text="Or those who are subscribed to a topic, for example releases."
    )
    segment = forms.ChoiceField(required=False, help_text="Or the users of a segment.")
    type = forms.CharField(
        initial="general",
        help_text="Letters, digits, '-', '_' and '.': for example billing.invoice.",
    )
    title = forms.CharField(widget=forms.TextInput(attrs={"class": "vTextField"}), required=False)
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
        widget=_moment_widget("Expires at"),
        required=False,
        help_text="When the notification is deleted automatically. Empty: as its type is declared, or never.",
    )
    actor = JSONField(
        widget=AdminTextareaWidget(attrs={"rows": 2}),
        required=False,
        help_text="Who did it, as a JSON object. For example "
        '{"name": "Ana", "picture": "/ana.png"}, or {"user": 7} for the user with this key.',
    )
    target = JSONField(
        widget=AdminTextareaWidget(attrs={"rows": 2}),
        required=False,
        help_text="What it is about, as a JSON object: a model, and the key of one of its rows. For example "
        '{"type": "shop.order", "id": 7}.',
    )
    actions = JSONField(
        widget=AdminTextareaWidget(attrs={"rows": 3}),
        required=False,
        help_text="What can be done, as a JSON list of up to three, each with an id or a link. For example "
        '[{"label": "Approve", "id": "approve"}, {"label": "Open", "link": "/"}].',
    )
    format = forms.ChoiceField(
        choices=[("", "As the type is declared"), *((each, each) for each in FORMATS)],
        required=False,
        help_text="What the message is written in.",
    )
    deliver_at = forms.SplitDateTimeField(
        widget=_moment_widget("Deliver at"),
        required=False,
        help_text="When the notification is sent. Empty: now.",
    )
    context = JSONField(
        widget=AdminTextareaWidget(attrs={"rows": 4}),
        required=False,
        initial=dict,
        help_text="A JSON object for the templates of the type, which make a title and a message that are left empty.",
    )
    token = forms.CharField(widget=forms.HiddenInput, required=False, initial=new_token)

    def __init__(
        self, *args: Any, site: AdminSite, may_search_users: bool = True, **kwargs: Any
    ) -> None:
        """`may_search_users`: whether who sends may search for recipients, or the site has no search for users."""
        super().__init__(*args, **kwargs)
        for name in CONTENT_FIELDS.keys() - self.fields.keys():
            # A content field without a widget of its own here.
            column: Any = Notification._meta.get_field(name)
            self.fields[name] = column.formfield(required=False)
        if not any(declared.templates for declared in declared_types().values()):
            del self.fields["context"]
        self._choose_segments()
        self.fields["type"].widget = type_widget()
        recipients: Any = self.fields["recipients"]
        if not may_search_users:
            recipients.help_text = "Searching requires the permission to view users."
        recipients.queryset = database.queryset(get_user_model())
        recipients.widget = users_widget(
            Notification._meta.get_field("recipient"), site, recipients.choices
        )

    def _choose_segments(self) -> None:
        segments = sorted(inbox_settings().segments)
        if not segments:
            del self.fields["segment"]
            return
        choice: Any = self.fields["segment"]
        choice.choices = [("", "---------"), *((name, name) for name in segments)]

    @property
    def order(self) -> tuple[str, ...]:
        """The names of the fields, as the page shows them."""
        return tuple(name for name in _FIELDS if name in self.fields)

    def clean(self) -> dict[str, Any]:
        """Require one audience, and a title unless the type has a template for it."""
        values = super().clean() or self.cleaned_data
        chosen = [name for name in AUDIENCES if values.get(name)]
        if len(chosen) != 1 and not self.errors.keys() & set(AUDIENCES):
            self.add_error("recipients", "Select users, a topic, or all active users.")
        templates = declared_type(values.get("type", "")).templates
        if not values.get("title") and "title" not in templates and "title" not in self.errors:
            self.add_error("title", self.fields["title"].error_messages["required"])
        return values

    def audience(self) -> Audience:
        """Return the recipients of a form whose audience is valid. Raises InvalidInput."""
        values = self.cleaned_data
        return services.audience_of(
            recipients=values.get("recipients") or None,
            topic=values.get("topic") or None,
            segment=values.get("segment") or None,
            everybody=bool(values.get("everybody")),
        )

    def content(self) -> dict[str, Any]:
        """Return the content as the services take it: of the fields that are valid."""
        return {
            name: self._given(name)
            for name in self.order
            if (name in CONTENT_FIELDS or name in ("context", "deliver_at"))
            and name in self.cleaned_data
        }

    def _given(self, name: str) -> Any:
        """Return what was typed, None for nothing. Of JSON, what is empty and no initial value may be a mistake."""
        field, value = self.fields[name], self.cleaned_data[name]
        if isinstance(field, JSONField):
            return None if value == self.get_initial_for_field(field, name) else value
        return value or None

    def count(self) -> int | None:
        """Return how many recipients a valid form has; None, with an error added to it, if that cannot be said."""
        try:
            return self.audience().count()
        except InvalidInput as error:
            self._refuse(error)
            return None

    def send(self, sender: Any) -> Outcome | None:
        """Send the content of a valid form: in the background, to more than CONFIRM_ABOVE users.

        If the services refuse it, add the error to the form and return None.
        """
        try:
            return self._send(sender)
        except InvalidInput as error:
            self._refuse(error)
        except Conflict:
            self.add_error(
                "recipients", "This form has been sent to other users. Open a new one for these."
            )
        except NotificationError as error:
            self.add_error("recipients", error.message)
        except SendManyInterrupted as error:
            # The form has a key: submitted once more, it reaches the others.
            self.add_error("recipients", str(error))
        return None

    def _refuse(self, error: InvalidInput) -> None:
        field = _FIELD_OF.get(error.field, error.field)
        self.add_error(field if field in self.fields else None, error.message)

    def _send(self, sender: Any) -> Outcome:
        check_may_name(sender, self.cleaned_data["actor"])
        audience, content = self.audience(), self.content()
        key = self._key(content)
        recipients = audience.page(None, CONFIRM_ABOVE + 1)
        if len(recipients) > CONFIRM_ABOVE:
            campaign = services.start_campaign(
                audience=audience, sender_id=sender.pk, scopes=(), idempotency_key=key, **content
            )
            return Outcome(0, 0, campaign=campaign)
        for recipient_id in recipients:
            check_may_send(sender, recipient_id=str(recipient_id))
        if len(recipients) == 1:
            return _send_to_one(recipients[0], sender, key, content)
        many = services.send_many(
            recipient_ids=recipients,
            sender_id=sender.pk,
            idempotency_key=key,
            must_exist=audience.kind is AudienceKind.USERS,
            **content,
        )
        return Outcome(many.sent, many.suppressed, many.replayed, many.scheduled)

    def _key(self, content: dict[str, Any]) -> str | None:
        """Return the idempotency key of this form with this content; None for a form without a token."""
        token = self.cleaned_data["token"]
        if not token:
            return None
        return sha256(repr((token, content)).encode(errors="backslashreplace")).hexdigest()


def _send_to_one(recipient_id: Any, sender: Any, key: str | None, content: Any) -> Outcome:
    """Send with the key that a bulk send would use: of two submissions, one may be to more users."""
    sent = services.send(
        recipient_id=recipient_id,
        sender_id=sender.pk,
        idempotency_key=None if key is None else key_of_recipient(key, recipient_id),
        **content,
    )
    if sent.scheduled is not None:
        return Outcome(0, 0, scheduled=1)
    if sent.replayed:
        return Outcome(0, 0, 1, notification=sent.notification)
    wanted = int(not sent.suppressed)
    return Outcome(wanted, 1 - wanted, notification=sent.notification)
