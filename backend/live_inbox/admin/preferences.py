"""The admin of preferences: which notification types each user has turned on or off, and on which channels."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from live_inbox import services
from live_inbox.admin.base import InboxModelForm, UndeletableAdmin
from live_inbox.admin.filters import ChannelFilter, TypeFilter
from live_inbox.admin.key_fields import user_widget
from live_inbox.admin.rendering import user_search
from live_inbox.admin.type_fields import channel_widget, type_widget
from live_inbox.errors import InvalidInput
from live_inbox.models import NotificationPreference
from live_inbox.services.preferences import check_preference, check_preference_quota


class PreferenceForm(InboxModelForm):
    """Validates with the service's own checks, so that errors appear beside the field."""

    class Meta:
        model = NotificationPreference
        fields = ("user", "type", "channel", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "type" in self.fields:
            self.fields["type"].widget = type_widget()
        if "channel" in self.fields:
            self.fields["channel"].widget = channel_widget()
            # Without other channels there is nothing to choose.
            self.fields["channel"].required = False

    def clean(self) -> dict[str, Any]:
        """Refuse what `services.set_preference` would refuse."""
        values = super().clean() or self.cleaned_data
        if self.errors:
            return values
        try:
            if not values.get("channel"):
                values["channel"] = self.instance.channel
            type, _ = check_preference(
                type=values.get("type", self.instance.type),
                channel=values["channel"],
                enabled=values["enabled"],
            )
            user = values.get("user")
            if user is not None:
                check_preference_quota(user_id=user.pk, type=type)
        except InvalidInput as error:
            # Of an existing preference, only `enabled` is a field.
            self.add_error(error.field if error.field in self.fields else None, error.message)
        return values


class PreferenceAdmin(UndeletableAdmin):
    """Turns existing preferences on or off; their user, type and channel cannot change.

    Preferences cannot be deleted here: a missing row means what the type declares, so turning one on or off has the
    same effect.
    """

    form = PreferenceForm
    list_display = ("user", "type", "channel", "enabled")
    list_display_links = ("user", "type")
    list_filter = ("enabled", ChannelFilter, TypeFilter)
    list_select_related = ("user",)
    search_fields = (user_search("user"), "type")
    ordering = ("-pk",)
    show_full_result_count = False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field for the user, with a widget that accepts any text."""
        widget = user_widget(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **{"widget": widget, **kwargs})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return the user, type and channel of an existing preference, which cannot change."""
        return () if obj is None else ("user", "type", "channel")

    def save_model(
        self, request: HttpRequest, obj: NotificationPreference, form: Any, change: bool
    ) -> None:
        """Save the preference through the service."""
        saved = services.set_preference(
            user_id=obj.user_id, type=obj.type, enabled=obj.enabled, channel=obj.channel
        )
        obj.pk = saved.pk
