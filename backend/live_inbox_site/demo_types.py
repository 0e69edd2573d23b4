"""The types of notification that the demo declares, unless the developer's TYPES declares others."""

from __future__ import annotations

DEMO_TYPES = {
    "general": {"label": "Everything else", "icon": "bell"},
    "approval": {
        "label": "Approvals",
        "description": "Whether what you have handed in was approved.",
        "category": "work",
        "icon": "check",
    },
    "report": {
        "label": "Reports",
        "description": "When a report that you have asked for is ready.",
        "category": "work",
        "icon": "document",
        "title": {"en": "The report is ready", "de": "Der Bericht ist fertig"},
        "message": {
            "en": "{{ pages }} page{{ pages|pluralize }}, {{ pictures }} of them with pictures.",
            "de": "{{ pages }} Seite{{ pages|pluralize:'n' }}, {{ pictures }} davon mit Bildern.",
        },
        "retention_days": 30,
    },
    "security": {
        "label": "Security",
        "description": "When somebody signs in with your account.",
        "category": "account",
        "icon": "shield",
        "required": True,
    },
    "tips": {
        "label": "Tips",
        "description": "What else this inbox can do. Off until you turn it on.",
        "icon": "light-bulb",
        "default": False,
    },
}
