"""The writers: everything that changes an inbox.

Each service is one transaction: it locks the inbox, changes the rows and the counts, and adds the event. After the
commit it rings the doorbell, which cannot fail the call. `now` is for tests and imports; it defaults to the clock.
Expiry, pruning and repair write as well, by the same locking: see `live_inbox.maintenance`.
"""

from live_inbox.services.approvals import send_approval, send_user_detail_approval
from live_inbox.services.bulk_changes import archive_all, delete_all, mark_all_read_of
from live_inbox.services.bulk_for_caller import (
    RecipientResult,
    RecipientResults,
    SendStatus,
    send_many_for_caller,
)
from live_inbox.services.bulk_progress import SenderDeleted, SendManyCancelled, SendManyInterrupted
from live_inbox.services.bulk_sending import send_many
from live_inbox.services.campaign_audience import audience_of
from live_inbox.services.campaign_running import run_campaign
from live_inbox.services.campaigns import cancel_campaign, recall_campaign, start_campaign
from live_inbox.services.deleting import delete
from live_inbox.services.editing import edit
from live_inbox.services.marking import mark_all_read, mark_read, mark_unread
from live_inbox.services.moving import archive, snooze, unarchive, unsnooze
from live_inbox.services.performing import perform_action
from live_inbox.services.pinning import pin, unpin
from live_inbox.services.preferences import set_preference
from live_inbox.services.recalling import recall
from live_inbox.services.results import (
    AllRead,
    BulkChanged,
    Changed,
    Deleted,
    Seen,
    Sent,
    SentMany,
)
from live_inbox.services.scheduling import cancel
from live_inbox.services.seeing import mark_seen
from live_inbox.services.sending import send
from live_inbox.services.topics import subscribe, topics_of, unsubscribe
from live_inbox.services.undoing import undo
from live_inbox.snapshots import person, snapshot

__all__ = [
    "AllRead",
    "BulkChanged",
    "Changed",
    "Deleted",
    "RecipientResult",
    "RecipientResults",
    "Seen",
    "SendManyCancelled",
    "SendManyInterrupted",
    "SendStatus",
    "SenderDeleted",
    "Sent",
    "SentMany",
    "archive",
    "archive_all",
    "audience_of",
    "cancel",
    "cancel_campaign",
    "delete",
    "delete_all",
    "edit",
    "mark_all_read",
    "mark_all_read_of",
    "mark_read",
    "mark_seen",
    "mark_unread",
    "perform_action",
    "person",
    "pin",
    "recall",
    "recall_campaign",
    "run_campaign",
    "send",
    "send_approval",
    "send_many",
    "send_many_for_caller",
    "send_user_detail_approval",
    "set_preference",
    "snapshot",
    "snooze",
    "start_campaign",
    "subscribe",
    "topics_of",
    "unarchive",
    "undo",
    "unpin",
    "unsnooze",
    "unsubscribe",
]
