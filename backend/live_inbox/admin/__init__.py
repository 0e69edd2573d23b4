"""The admin pages of the inbox. Every change goes through the services, so that connected devices receive it.

Django's autodiscovery imports this module, which registers the models of this app and no others. A project that
wants users to be deleted together with their inboxes adds `live_inbox.admin.users.InboxUserAdminMixin` to its own
user admin.
"""

from __future__ import annotations

from django.contrib import admin

from live_inbox.admin.event_log import InboxEventAdmin
from live_inbox.admin.inboxes import InboxAdmin
from live_inbox.admin.notifications import NotificationAdmin
from live_inbox.admin.preferences import PreferenceAdmin
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference

admin.site.register(Notification, NotificationAdmin)
admin.site.register(NotificationPreference, PreferenceAdmin)
admin.site.register(Inbox, InboxAdmin)
admin.site.register(InboxEvent, InboxEventAdmin)
