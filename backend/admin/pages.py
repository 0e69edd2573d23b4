"""What the pages are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.forms import ModelForm
from django.http import HttpRequest

# The type checker wants these classes with parameters, which they do not take at run time.
if TYPE_CHECKING:
    Page = ModelAdmin[Any]
    PageForm = ModelForm[Any]
    Rows = Paginator[Any]
else:
    Page = ModelAdmin
    PageForm = ModelForm
    Rows = Paginator


class ReadOnlyPage(Page):
    """A page that shows rows; not even a superuser can add, change or delete them here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False
