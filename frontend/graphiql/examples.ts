/** The operations in the tabs at the first visit. */

interface Tab {
  query: string;
  variables?: string;
}

const EVENT = `    __typename
    position
    unreadCount
    unseenCount
    occurredAt
    ... on NotificationAdded { notification { id title message } }
    ... on NotificationUpdated { change notification { id title read folder rank } }
    ... on NotificationDeleted { notificationId }
    ... on AllNotificationsRead { count throughRank }
    ... on NotificationsSeen { count throughRank }
    ... on NotificationsUpdated { change notificationIds }
    ... on NotificationsDeleted { notificationIds }
    ... on InboxReset { reason }`;

export function examples(userId: string): Tab[] {
  return [
    {
      query: `# The newest notifications of your inbox, its counts, and its position.
# Subscribe after that position, and you miss nothing in between.
query List {
  notifications(first: 10) {
    unreadCount
    unseenCount
    totalCount
    position
    nodes { id type title message read createdAt folder pinned sender { name } }
    pageInfo { hasNextPage endCursor }
  }
}
`,
    },
    {
      query: `# You may always send to yourself. Run "Live" in another tab first, and watch.
# With an idempotency key, a retry is safe: the same key never sends twice.
mutation Send($input: SendInput!) {
  send(input: $input) {
    notification { id title createdAt }
    suppressed
    replayed
  }
}
`,
      variables: json({
        input: {
          recipientId: userId,
          title: "Hello from GraphiQL",
          message: "It works.",
          type: "general",
          data: { answer: 42 },
          idempotencyKey: null,
        },
      }),
    },
    {
      query: `mutation MarkRead($id: ID!) {
  markRead(id: $id) {
    notification { id title read readAt }
    unreadCount
    position
  }
}

mutation MarkAllRead {
  markAllRead { count unreadCount }
}

# The badge of a bell is for what is new: that is over when the user opens the list.
mutation MarkSeen {
  markSeen { count unseenCount }
}

mutation Archive($id: ID!) {
  archive(id: $id) {
    notification { id folder }
    unreadCount
    position
  }
}
`,
      variables: json({ id: "1" }),
    },
    {
      query: `# Every change of your inbox from now on.
subscription Live {
  notificationEvents {
${EVENT}
  }
}
`,
    },
    {
      query: `# Every change after a position: first what you missed, then what happens.
# "0" is before everything. Insert the position of any event or list.
subscription Resume($after: String!) {
  notificationEvents(after: $after) {
${EVENT}
  }
}
`,
      variables: json({ after: "0" }),
    },
  ];
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
