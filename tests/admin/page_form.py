"""The form of a page, as a browser posts it."""

from __future__ import annotations

from html.parser import HTMLParser

BUTTONS = {"submit", "button", "reset", "image"}


class _Fields(HTMLParser):
    """Collects the fields of the form with this id."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._form_id = form_id
        self._is_inside = False
        self._select: str | None = None
        self._textarea: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a form or a field."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = given.get("id") == self._form_id
        if not self._is_inside:
            return
        name = given.get("name")
        if tag == "input" and name and given.get("type") not in BUTTONS:
            if given.get("type") != "checkbox":
                self.values[name] = given.get("value", "")
            elif "checked" in given:
                self.values[name] = given.get("value", "on")
        elif tag == "textarea" and name:
            self._textarea, self.values[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.values[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """End a form or a field."""
        if tag == "form":
            self._is_inside = False
        elif tag == "textarea":
            self._textarea = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        """Add to the value of a text area. The line end behind its tag belongs to the markup."""
        if self._textarea:
            self.values[self._textarea] += data.removeprefix("\n").removeprefix("\r\n")


def form_values(html: str, form_id: str) -> dict[str, str]:
    """Return what a browser posts when the user changes nothing: the last value of each name, without buttons."""
    fields = _Fields(form_id)
    fields.feed(html)
    return fields.values
