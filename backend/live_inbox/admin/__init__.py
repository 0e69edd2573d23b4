"""The admin pages. Whatever they change, they change through the services, so that open devices see it.

Django's autodiscovery imports this module of every app; it registers the pages with the site.
"""

from __future__ import annotations

from django.contrib import admin

from live_inbox.admin.inboxes import InboxAdmin
from live_inbox.admin.log import InboxEventAdmin
from live_inbox.admin.notifications import NotificationAdmin
from live_inbox.admin.preferences import PreferenceAdmin
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference

admin.site.register(Notification, NotificationAdmin)
admin.site.register(NotificationPreference, PreferenceAdmin)
admin.site.register(Inbox, InboxAdmin)
admin.site.register(InboxEvent, InboxEventAdmin)
