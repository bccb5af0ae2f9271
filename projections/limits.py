"""Limits that the rules enforce. They are part of the rules: changing one takes a new rules version."""

__all__ = [
    "CHANNEL_BURST",
    "CHANNEL_RATE",
    "EXPIRED_AT_ONCE",
    "MAX_BLUEPRINT_HISTORY",
    "MAX_CHANNELS",
    "MAX_CHANNEL_BYTES",
    "MAX_CHANNEL_ENTRIES",
    "MAX_CHANNEL_REPLY_BYTES",
    "MAX_CRONS",
    "MAX_EXPRESSION_LENGTH",
    "MAX_GENERATION",
    "MAX_GENERATORS",
    "MAX_INTERVAL_SECONDS",
    "MAX_LIST_COUNT",
    "MAX_LOCATIONS",
    "MAX_LOG_COUNT",
    "MAX_LOG_LINES",
    "MAX_MESSAGE_BYTES",
    "MAX_NONCE_LENGTH",
    "MAX_PRIORITY",
    "MAX_QUEUED_BYTES",
    "MAX_REMOVED_BLUEPRINTS",
    "MAX_SEARCH_COUNT",
    "MAX_SEARCH_DAYS",
    "MAX_SNAPSHOT_FILES",
    "MAX_SNAPSHOT_FILES_OF_COLONY",
    "MAX_TRIGGER",
    "NONCES_KEPT",
    "NONCE_SECONDS",
    "REPLIES_KEPT",
]

MAX_LIST_COUNT = 100
"""Processes or workflows in one list reply (constants.md section 2)."""

MAX_LOG_COUNT = 500
"""Lines in one reply to getlogs (constants.md section 2)."""

MAX_SEARCH_COUNT = 100
"""Lines in one reply to searchlogs (constants.md section 2)."""

MAX_SEARCH_DAYS = 30
"""How far back searchlogs looks, in days (constants.md section 2)."""

MAX_PRIORITY = 50_000
"""Largest priority, and smallest with a minus (constants.md section 2)."""

MAX_LOG_LINES = 1_000_000
"""Log lines of one colony kept in memory; the oldest leave first and stay in the history."""

MAX_CHANNELS = 100
"""Channels of one process (constants.md section 7)."""

MAX_MESSAGE_BYTES = 10 * 1024 * 1024
"""Bytes of one message in a channel (constants.md section 7)."""

MAX_CHANNEL_ENTRIES = 10_000
"""Messages in one channel (constants.md section 7)."""

MAX_CHANNEL_BYTES = 256 * 1024 * 1024
"""Bytes of all messages in the channels of one process. A limit of ours: the reference has none."""

MAX_CHANNEL_REPLY_BYTES = 32 * 1024 * 1024
"""Bytes of the messages in one reply to channelread; the rest is read from there on. A limit of ours."""

CHANNEL_RATE = 100
"""Messages a second to all channels of one process together (constants.md section 7)."""

CHANNEL_BURST = 500
"""Messages that may come at once after a rest (constants.md section 7)."""

MAX_SNAPSHOT_FILES = 100_000
"""Files in one snapshot. A limit of ours: the reference has none."""

MAX_SNAPSHOT_FILES_OF_COLONY = 10_000_000
"""Files in all snapshots of one colony, each counted as often as it is listed. A limit of ours."""

MAX_GENERATION = 2**53
"""Highest generation with which a blueprint may be added. A limit of ours: the reference has none."""

MAX_BLUEPRINT_HISTORY = 1000
"""Newest changes of one blueprint that are kept to be read. A limit of ours: the reference has none."""

MAX_REMOVED_BLUEPRINTS = 1000
"""Removed blueprints of one colony, the last ones, whose history is kept to be read."""

MAX_NONCE_LENGTH = 128
"""Characters of a nonce."""

REPLIES_KEPT = 16_384
"""Newest replies to RPCs with a nonce that a partition keeps, to answer repeats."""

NONCES_KEPT = 1_000_000
"""Newest nonces that a partition remembers, to refuse repeats whose reply is no longer kept."""

NONCE_SECONDS = 86_400
"""How long a nonce is remembered, in seconds of the log's time."""

MAX_CRONS = 10_000
"""Crons of one colony. A limit of ours: the reference has none."""

MAX_INTERVAL_SECONDS = 100 * 365 * 86_400
"""Longest interval of a cron and longest timeout of a generator, in seconds. A limit of ours."""

MAX_EXPRESSION_LENGTH = 1_000
"""Characters of a cron expression. A limit of ours."""

MAX_GENERATORS = 10_000
"""Generators of one colony. A limit of ours: the reference has none."""

MAX_TRIGGER = 100_000
"""Most arguments that a generator may wait for. A limit of ours."""

MAX_QUEUED_BYTES = 64 * 1024 * 1024
"""Characters of the arguments that wait in one generator. A limit of ours."""

MAX_LOCATIONS = 100_000
"""Locations of one colony. A limit of ours: the reference has none."""

EXPIRED_AT_ONCE = 1_000
"""Processes or log lines that retention lets go in one step; the next step follows a millisecond later."""
