"""What the pages are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from live_inbox.admin.keys import can_be_key

# The type checker wants these classes with parameters, which they do not take at run time.
if TYPE_CHECKING:
    _Page = ModelAdmin[Any]
    PageForm = ModelForm[Any]
    Rows = Paginator[Any]
else:
    _Page = ModelAdmin
    PageForm = ModelForm
    Rows = Paginator


class Page(_Page):
    """Answers questions that make no sense as Django answers most of them: with a redirect, not with a fault."""

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row; None if there is none, or cannot be."""
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:  # SQLite's numbers have 64 bits
            return None

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list; raise IncorrectLookupParameters for conditions that no database can be asked."""
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError) as error:
            # Years and numbers out of range. Django looks for them before the query is made; they fail there.
            raise IncorrectLookupParameters(error) from error

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Do with the chosen rows what was asked for, if they can be rows at all."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if all(can_be_key(self.model, key) for key in chosen):
            return super().response_action(request, queryset, *args, **kwargs)
        self.message_user(request, "Select rows of the list. Nothing was done.", messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


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
