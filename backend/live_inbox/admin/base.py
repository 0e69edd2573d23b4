"""The base classes of the admin pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst

from live_inbox import database
from live_inbox.admin.key_fields import can_be_key

View = Callable[..., HttpResponseBase]

ONE_ROW = "<path:object_id>/"
"""Comes before the pages of one row, as before Django's."""

# These classes are generic for the type checker only.
if TYPE_CHECKING:
    _Page = ModelAdmin[Any]
    InboxModelForm = ModelForm[Any]
    PaginatorBase = Paginator[Any]
else:
    _Page = ModelAdmin
    InboxModelForm = ModelForm
    PaginatorBase = Paginator


class InboxModelAdmin(_Page):
    """Answers invalid keys and filter values with a redirect, as Django does for most of them, not with a 500."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the database of the inbox: a replica may lack what was just changed here."""
        return super().get_queryset(request).using(database.alias())

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row; None if no row has this key or the key is out of range."""
        try:
            # An empty `_to_field` of the query is passed on as if it were a field.
            return super().get_object(request, object_id, from_field or None)
        except OverflowError:  # SQLite's integers have 64 bits
            return None

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list; raise IncorrectLookupParameters for filter values that the database rejects."""
        try:
            found = super().get_changelist_instance(request)
        except (OverflowError, ValueError) as error:
            # Years and numbers out of range: Django handles these errors only before it builds the query.
            raise IncorrectLookupParameters(error) from error
        found.title = str(capfirst(self.opts.verbose_name_plural))
        return found

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run an action on the selected rows, unless a selected key is invalid."""
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if all(can_be_key(self.model, key) for key in selected):
            return super().response_action(request, queryset, *args, **kwargs)
        self.message_user(request, "The selection is invalid. Nothing was changed.", messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    # -- pages of its own ---------------------------------------------------------------------------------

    def own_pages(self, place: str, views: Mapping[str, View]) -> list[URLPattern]:
        """Return the addresses of pages beside Django's, by the last part of each; `place` is what comes before."""
        return [
            path(f"{place}{name}/", self.admin_site.admin_view(view), name=self._page_name(name))
            for name, view in views.items()
        ]

    def address(self, name: str, *args: Any) -> str:
        """Return the address of a page, Django's or one of its own."""
        site = self.admin_site.name
        return reverse(f"admin:{self._page_name(name)}", args=args, current_app=site)

    def _page_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"


class UndeletableAdmin(InboxModelAdmin):
    """An admin whose own pages do not delete, for superusers too.

    Django asks it as well before rows are deleted with what they belong to, such as a user. Those it does not protect:
    otherwise nobody could delete that.
    """

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether a row may be deleted on this page: only along with something else."""
        return obj is not None and not self._is_own_page(request)

    def _is_own_page(self, request: HttpRequest) -> bool:
        page = request.resolver_match
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        return page is None or (page.url_name or own).startswith(own)


class ReadOnlyAdmin(UndeletableAdmin):
    """An admin without adding, changing and deleting, for superusers too."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False
