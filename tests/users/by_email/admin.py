"""The project's own user admin, which knows nothing of the inbox."""

from __future__ import annotations

from django.contrib import admin

from tests.users.by_email.models import User


class ProjectUserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in stubs only
    """Shows addresses."""

    list_display = ("email", "is_staff")
    search_fields = ("email",)


admin.site.register(User, ProjectUserAdmin)
