"""The admin pages of the inbox. Every change goes through the services, so that connected devices receive it.

Django's autodiscovery imports this module, which registers the models of this app and changes nothing else of the site.
The app `live_inbox.admin_site_extras` changes the site and the project's user admin; so does
`live_inbox.admin.users.InboxUserAdminMixin`, for one class.
"""

from __future__ import annotations

from django.contrib import admin

from live_inbox.admin.bulk_sends import BulkSendAdmin
from live_inbox.admin.event_log import InboxEventAdmin
from live_inbox.admin.inboxes import InboxAdmin
from live_inbox.admin.notifications import NotificationAdmin
from live_inbox.admin.preferences import PreferenceAdmin
from live_inbox.admin.scheduled_sends import ScheduledSendAdmin
from live_inbox.admin.webhook_deliveries import WebhookDeliveryAdmin
from live_inbox.models import (
    BulkSend,
    Inbox,
    InboxEvent,
    Notification,
    NotificationPreference,
    ScheduledSend,
    WebhookDelivery,
)

admin.site.register(Notification, NotificationAdmin)
admin.site.register(NotificationPreference, PreferenceAdmin)
admin.site.register(Inbox, InboxAdmin)
admin.site.register(InboxEvent, InboxEventAdmin)
admin.site.register(BulkSend, BulkSendAdmin)
admin.site.register(ScheduledSend, ScheduledSendAdmin)
admin.site.register(WebhookDelivery, WebhookDeliveryAdmin)
