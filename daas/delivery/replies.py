"""The LMTP replies (RFC 2033, with the enhanced codes of RFC 3463) that the results of deliveries have."""

from dataclasses import dataclass

from ..reasons import Reason


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: a code such as 250, an enhanced code such as 2.0.0, and a text."""

    code: int
    enhanced: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"


#: The reply for each reason that a delivery can have; the code is also the status in the request log.
REPLIES = {
    Reason.DELIVERED: Reply(250, "2.0.0", "Stored"),
    Reason.DELIVERED_BEFORE: Reply(250, "2.0.0", "Stored"),
    Reason.MAILBOX_UNKNOWN: Reply(550, "5.1.1", "No such mailbox"),
    Reason.DOMAIN_UNKNOWN: Reply(550, "5.1.2", "Not a domain of this service"),
    Reason.MAILBOX_SUSPENDED: Reply(450, "4.2.1", "Mailbox is suspended"),
    Reason.MESSAGE_TOO_LARGE: Reply(552, "5.3.4", "Message is too large"),
    Reason.NOT_A_MESSAGE: Reply(554, "5.6.0", "Not a mail message"),
    Reason.DISK_FULL: Reply(452, "4.3.1", "Disk is full"),
    Reason.DATABASE_UNAVAILABLE: Reply(451, "4.3.0", "Database is unavailable"),
    Reason.UNEXPECTED_ERROR: Reply(451, "4.3.0", "Internal error"),
}
