"""The page of preferences: what users want of each type."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest

from live_inbox import services
from live_inbox.admin.filters import TypeFilter
from live_inbox.admin.keys import choose_user
from live_inbox.admin.pages import Page, PageForm
from live_inbox.admin.rendering import user_search
from live_inbox.conf import inbox_settings
from live_inbox.content import clean_type
from live_inbox.errors import InvalidInput
from live_inbox.models import NotificationPreference


class PreferenceForm(PageForm):
    """Finds before the service does what it would refuse, to say so beside the field."""

    class Meta:
        model = NotificationPreference
        fields = ("user", "type", "enabled")

    def clean_type(self) -> str:
        """Demand a type that notifications can have."""
        try:
            return clean_type(self.cleaned_data["type"])
        except InvalidInput as error:
            raise ValidationError(error.message) from error

    def clean_enabled(self) -> bool:
        """Demand that required types stay on."""
        enabled = bool(self.cleaned_data["enabled"])
        type = self.cleaned_data.get("type", self.instance.type)
        if not enabled and type in inbox_settings().required_types:
            raise ValidationError("Notifications of this type cannot be turned off.")
        return enabled


class PreferenceAdmin(Page):
    """A preference that was set can be turned on or off, and is of the same user and type for ever.

    Nothing is deleted here: without a row a type is on, and turning it on says the same.
    """

    form = PreferenceForm
    list_display = ("user", "type", "enabled")
    list_display_links = ("user", "type")
    list_filter = ("enabled", TypeFilter)
    list_select_related = ("user",)
    search_fields = (user_search("user"), "type")
    ordering = ("-pk",)
    show_full_result_count = False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field of the user."""
        widget = choose_user(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **{"widget": widget, **kwargs})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix whose preference it is and of what."""
        return () if obj is None else ("user", "type")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def save_model(
        self, request: HttpRequest, obj: NotificationPreference, form: Any, change: bool
    ) -> None:
        """Have the service set it."""
        saved = services.set_preference(user_id=obj.user_id, type=obj.type, enabled=obj.enabled)
        obj.pk = saved.pk
