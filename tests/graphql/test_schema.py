"""The schema as clients see it, and the file that is committed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    print_type,
)

from live_inbox_graphql.schema import sdl

REPOSITORY = Path(__file__).resolve().parents[2]
SDL = sdl()
BUILT = build_schema(SDL)
OWN_TYPES = [kind for name, kind in BUILT.type_map.items() if not name.startswith("__")]
GRAPHQLS_OWN = {"Boolean", "Float", "ID", "Int", "String"}


def described() -> Iterator[tuple[str, str | None]]:
    """Yield everything that must have a description, with it."""
    for kind in OWN_TYPES:
        # The interface `Node` is Strawberry's.
        if kind.name in GRAPHQLS_OWN | {"Node"}:
            continue
        yield kind.name, kind.description
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                yield f"{kind.name}.{name}", field.description
                for argument_name, argument in field.args.items():
                    yield f"{kind.name}.{name}({argument_name})", argument.description
        if isinstance(kind, GraphQLInputObjectType):
            for name, input_field in kind.fields.items():
                yield f"{kind.name}.{name}", input_field.description
        if isinstance(kind, GraphQLEnumType):
            for name, value in kind.values.items():
                yield f"{kind.name}.{name}", value.description


@pytest.mark.parametrize(("name", "description"), list(described()))
def test_everything_has_a_description(name: str, description: str | None) -> None:
    assert description, name
    assert description[0].isupper() or description.startswith("`")
    assert description.endswith((".", "`", "?"))


def test_the_committed_file_is_what_the_code_prints() -> None:
    assert (REPOSITORY / "schema.graphql").read_text() == SDL


def without_descriptions(name: str) -> str:
    """Return a type as SDL, the way a design would write it down."""
    lines = print_type(BUILT.type_map[name]).splitlines()
    inside = False
    kept = []
    for line in lines:
        marks = line.count('"""')
        if not inside and not marks and line.strip():
            kept.append(line.strip())
        inside ^= marks == 1
    return " ".join(kept)


@pytest.mark.parametrize(
    "expected",
    [
        "type Query { viewer: InboxUser! notifications( first: Int after: String last: Int before: String "
        "filter: NotificationFilter ): NotificationConnection! notificationCounts: NotificationCounts! "
        "notification( id: ID! ): Notification "
        "node( id: ID! ): Node notificationPreferences: [NotificationPreference!]! "
        "notificationTypes: [NotificationType!]! notificationChannels: [NotificationChannel!]! "
        "topics: [String!]! campaign( id: ID! ): Campaign }",
        "type Mutation { send( input: SendInput! ): SendPayload! "
        "sendMany( input: SendManyInput! ): SendManyPayload! "
        "editNotification( input: EditInput! ): EditPayload! "
        "cancelSend( id: ID idempotencyKey: String ): CancelSendPayload! "
        "recall( id: ID idempotencyKey: String ): RecallPayload! "
        "markRead( id: ID! ): MarkReadPayload! "
        "markUnread( id: ID! ): MarkUnreadPayload! markAllRead( "
        "filter: NotificationFilter upTo: String ): MarkAllReadPayload! archiveAll( filter: NotificationFilter "
        "upTo: String ): ArchiveAllPayload! deleteAll( filter: NotificationFilter upTo: String ): DeleteAllPayload! "
        "undo( token: String! ): UndoPayload! "
        "markSeen( upTo: String ): MarkSeenPayload! archive( id: ID! ): ArchivePayload! "
        "unarchive( id: ID! ): UnarchivePayload! snooze( id: ID! until: DateTime! ): SnoozePayload! "
        "unsnooze( id: ID! ): UnsnoozePayload! pin( id: ID! ): PinPayload! unpin( id: ID! ): UnpinPayload! "
        "performAction( id: ID! actionId: String! ): PerformActionPayload! "
        "delete( id: ID! undoable: Boolean! = false ): DeletePayload! "
        "setNotificationPreference( input: NotificationPreferenceInput! ): NotificationPreference! "
        "subscribeToTopic( topic: String! ): TopicsPayload! "
        "unsubscribeFromTopic( topic: String! ): TopicsPayload! "
        "startCampaign( input: StartCampaignInput! ): CampaignPayload! "
        "cancelCampaign( id: ID! ): CampaignPayload! recallCampaign( id: ID! ): CampaignPayload! "
        "signOutEverywhere: SignOutPayload! "
        "createTicket( api: SocketApi! ): TicketPayload! "
        "refreshToken( token: String! ): RefreshTokenPayload! }",
        "type TopicsPayload { changed: Boolean! topics: [String!]! }",
        "type CampaignPayload { campaign: Campaign! }",
        "enum CampaignState { PENDING RUNNING DONE CANCELLED RECALLING RECALLED }",
        "type Campaign { id: ID! state: CampaignState! total: Int! sent: Int! suppressed: Int! failed: Int! "
        "scheduled: Int! recalled: Int! seen: Int! read: Int! isExact: Boolean! reason: String topic: String "
        "segment: String deliverAt: DateTime startedAt: DateTime! changedAt: DateTime! }",
        "type SignOutPayload { signedOutBefore: DateTime! }",
        "type RefreshTokenPayload { expiresAt: DateTime }",
        "type Subscription { notificationEvents( after: String types: [String!] ): NotificationEvent! }",
        "interface NotificationEvent { position: String! unreadCount: Int! unseenCount: Int! occurredAt: DateTime! }",
        "type NotificationAdded implements NotificationEvent { position: String! unreadCount: Int! "
        "unseenCount: Int! occurredAt: DateTime! notification: Notification! }",
        "type NotificationUpdated implements NotificationEvent { position: String! unreadCount: Int! "
        "unseenCount: Int! occurredAt: DateTime! notification: Notification! change: NotificationChange! }",
        "enum NotificationChange { READ UNREAD ARCHIVED UNARCHIVED SNOOZED RETURNED PINNED UNPINNED "
        "ACTION EDITED RESTORED GROUPED UNGROUPED OTHER }",
        "enum NotificationFolder { INBOX ARCHIVE SNOOZED GROUPED }",
        "enum NotificationPriority { LOW NORMAL HIGH URGENT }",
        "type NotificationsSeen implements NotificationEvent { position: String! unreadCount: Int! "
        "unseenCount: Int! occurredAt: DateTime! count: Int! throughRank: ID! }",
        *(
            f"type {name}Payload {{ notification: Notification! unreadCount: Int! unseenCount: Int! "
            "position: String! }"
            for name in ("Archive", "Unarchive", "Snooze", "Unsnooze", "Pin", "Unpin")
        ),
        "type PerformActionPayload { notification: Notification! unreadCount: Int! unseenCount: Int! "
        "position: String! recorded: Boolean! }",
        "type MarkSeenPayload { count: Int! unreadCount: Int! unseenCount: Int! position: String! }",
        "type NotificationDeleted implements NotificationEvent { position: String! unreadCount: Int! "
        "unseenCount: Int! occurredAt: DateTime! notificationId: ID! }",
        "type AllNotificationsRead implements NotificationEvent { position: String! unreadCount: Int! "
        "unseenCount: Int! occurredAt: DateTime! count: Int! throughRank: ID! }",
        "type InboxReset implements NotificationEvent { position: String! unreadCount: Int! "
        "unseenCount: Int! occurredAt: DateTime! reason: ResetReason! }",
        "type PositionAdvanced implements NotificationEvent { position: String! unreadCount: Int! "
        "unseenCount: Int! occurredAt: DateTime! }",
        "enum ResetReason { EXPIRED EPOCH AHEAD UNKNOWN_EVENT }",
        "interface Node { id: ID! }",
        "type Notification implements Node { id: ID! type: String! title: String! message: String! link: String "
        "data: JSON! read: Boolean! readAt: DateTime createdAt: DateTime! "
        "expiresAt: DateTime sender: InboxUser priority: NotificationPriority! icon: String "
        "actor: NotificationActor target: NotificationTarget actions: [NotificationAction!]! "
        "format: MessageFormat! folder: NotificationFolder! "
        "snoozedUntil: DateTime pinned: Boolean! performedAction: String performedAt: DateTime rank: ID! "
        "editedAt: DateTime groupKey: String groupCount: Int! groupActors: [NotificationActor!]! }",
        "type NotificationActor { userId: ID name: String! picture: String }",
        "type NotificationTarget { type: String! objectId: String! link: String }",
        "type NotificationAction { label: String! actionId: String link: String }",
        "enum MessageFormat { PLAIN MARKDOWN }",
        "input ActorInput { userId: ID name: String picture: String }",
        "input TargetInput { type: String! objectId: String! }",
        "input ActionInput { label: String! actionId: String link: String }",
        "type InboxUser { id: ID! username: String! name: String! }",
        "type NotificationConnection { edges: [NotificationEdge!]! nodes: [Notification!]! "
        "pageInfo: PageInfo! stoppedEarly: Boolean! totalCount: Int! unreadCount: Int! unseenCount: Int! "
        "archivedCount: Int! snoozedCount: Int! position: String! }",
        "type NotificationEdge { cursor: String! node: Notification! }",
        "type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String "
        "endCursor: String }",
        "input NotificationFilter { types: [String!] read: Boolean categories: [String!] "
        "priorities: [NotificationPriority!] seen: Boolean text: String folder: NotificationFolder! = INBOX "
        "groupOf: ID pinnedOnly: Boolean! = false }",
        "input SendInput { title: String message: String "
        'type: String! = "general" data: JSON link: String expiresAt: DateTime expiresInSeconds: Int context: JSON '
        "priority: NotificationPriority! = NORMAL icon: String actor: ActorInput target: TargetInput "
        "actions: [ActionInput!] format: MessageFormat groupKey: String deliverAt: DateTime recipientId: ID! "
        "idempotencyKey: String }",
        "input SendManyInput { title: String message: String "
        'type: String! = "general" data: JSON link: String expiresAt: DateTime expiresInSeconds: Int context: JSON '
        "priority: NotificationPriority! = NORMAL icon: String actor: ActorInput target: TargetInput "
        "actions: [ActionInput!] format: MessageFormat groupKey: String deliverAt: DateTime recipientIds: [ID!]! = [] "
        "recipientRefs: [String!]! = [] idempotencyKey: String }",
        "input EditInput { id: ID idempotencyKey: String title: String message: String data: JSON link: String "
        "expiresAt: DateTime expiresInSeconds: Int context: JSON priority: NotificationPriority }",
        "type RecallPayload { recalled: Boolean! }",
        "type EditPayload { notification: Notification! changed: Boolean! }",
        "type SendManyPayload { results: [RecipientResult!]! sentCount: Int! campaignId: ID }",
        "type RecipientResult { recipient: String! status: SendStatus! notificationId: ID }",
        "enum SendStatus { SENT SCHEDULED SUPPRESSED UNKNOWN_RECIPIENT FORBIDDEN RATE_LIMITED }",
        "type SendPayload { notification: Notification suppressed: Boolean! replayed: Boolean! "
        "scheduled: ScheduledSend }",
        "type ScheduledSend { id: ID! deliverAt: DateTime! }",
        "type CancelSendPayload { cancelled: Boolean! }",
        "type MarkReadPayload { notification: Notification! unreadCount: Int! unseenCount: Int! position: String! }",
        "type MarkUnreadPayload { notification: Notification! unreadCount: Int! unseenCount: Int! position: String! }",
        *(
            f"type {name}Payload {{ count: Int! hasMore: Boolean! undoToken: String unreadCount: Int! "
            "unseenCount: Int! position: String! }"
            for name in ("MarkAllRead", "ArchiveAll", "DeleteAll")
        ),
        "type UndoPayload { count: Int! unreadCount: Int! unseenCount: Int! position: String! }",
        "type NotificationsUpdated implements NotificationEvent { position: String! unreadCount: Int! "
        "unseenCount: Int! occurredAt: DateTime! change: NotificationChange! notificationIds: [ID!]! }",
        "type NotificationsDeleted implements NotificationEvent { position: String! unreadCount: Int! "
        "unseenCount: Int! occurredAt: DateTime! notificationIds: [ID!]! }",
        "type DeletePayload { notificationId: ID! undoToken: String unreadCount: Int! unseenCount: Int! "
        "position: String! }",
        "type NotificationPreference { type: String! enabled: Boolean! required: Boolean! "
        "label: String! description: String! category: String icon: String "
        "channels: [NotificationChannelPreference!]! }",
        "type NotificationType { type: String! enabled: Boolean! required: Boolean! "
        "label: String! description: String! category: String icon: String "
        "channels: [NotificationChannelPreference!]! }",
        "type NotificationChannelPreference { channel: String! label: String! enabled: Boolean! required: Boolean! }",
        "type NotificationChannel { channel: String! label: String! }",
        'input NotificationPreferenceInput { type: String! enabled: Boolean! channel: String! = "in_app" }',
    ],
)
def test_the_types_are_those_of_the_design(expected: str) -> None:
    assert without_descriptions(expected.split()[1]) == expected


def test_there_are_no_other_types() -> None:
    names = {kind.name for kind in OWN_TYPES} - GRAPHQLS_OWN
    assert names == {
        *("Query", "Mutation", "Subscription", "Node"),
        *("Notification", "NotificationConnection", "NotificationEdge", "PageInfo", "InboxUser"),
        *(
            "NotificationFilter",
            "SendInput",
            "SendManyInput",
            "NotificationPreferenceInput",
            "NotificationPreference",
            "NotificationType",
            "NotificationChannel",
            "NotificationChannelPreference",
        ),
        *(
            "SendPayload",
            "SendManyPayload",
            "EditInput",
            "RecallPayload",
            "ScheduledSend",
            "CancelSendPayload",
            "EditPayload",
            "RecipientResult",
            "SendStatus",
            "MarkReadPayload",
            "MarkUnreadPayload",
            "MarkAllReadPayload",
            "DeletePayload",
            "SignOutPayload",
            "RefreshTokenPayload",
            "TicketPayload",
            "SocketApi",
        ),
        *("MarkSeenPayload", "ArchivePayload", "UnarchivePayload", "SnoozePayload"),
        *("UnsnoozePayload", "PinPayload", "UnpinPayload", "PerformActionPayload"),
        *("NotificationFolder", "NotificationPriority", "NotificationChange", "NotificationsSeen"),
        *("NotificationEvent", "NotificationAdded", "NotificationUpdated", "NotificationDeleted"),
        *("NotificationActor", "NotificationTarget", "NotificationAction", "MessageFormat"),
        *("ActorInput", "TargetInput", "ActionInput"),
        *("AllNotificationsRead", "InboxReset", "ResetReason", "DateTime", "JSON"),
        "PositionAdvanced",
        *("Campaign", "CampaignState", "CampaignPayload", "StartCampaignInput", "TopicsPayload"),
        *("NotificationCounts", "NotificationTypeCount", "NotificationCategoryCount"),
        *("ArchiveAllPayload", "DeleteAllPayload", "UndoPayload"),
        *("NotificationsUpdated", "NotificationsDeleted"),
    }
