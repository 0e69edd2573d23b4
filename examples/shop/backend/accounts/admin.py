"""The shop's own admin of its users."""

from django.contrib import admin

from backend.accounts.models import User


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    """Lists the users."""

    list_display = ["email", "name", "is_active", "is_staff"]
    search_fields = ["email", "name"]
