"""The rules of the format that can be broken: one for each thing that a person can repair.

The same table stands in FORMAT.md; codes are never given another meaning. ERROR: something is lost, wrong or
ambiguous. WARNING: what an interruption leaves behind, or what harms nothing by itself.
"""

from enum import Enum, StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Rule(Enum):
    """Named by its code: the title says what is broken, ``advice`` what to do."""

    E001 = ("element.json is missing", "Restore it from a backup, or write it anew as this page tells.")
    E002 = ("element.json is invalid", "Correct the member that is named, or restore it from a backup.")
    E003 = (
        "the format version is not known",
        "Check with the version of artstore that wrote it, or a newer one.",
    )
    E004 = (
        "FORMAT.md is missing or empty",
        "Start the element, which puts it back, or copy it from another.",
        Severity.WARNING,
    )
    E005 = (
        "something cannot be read",
        "Check the disk and the permissions, then restore what is damaged from a backup.",
    )

    E006 = (
        "element.json has no checksum of its own",
        "Check each of its members, then start the element, which adds it.",
        Severity.WARNING,
    )
    E007 = (
        "the list of adopted documents is missing",
        "Restore adopted.jsonl from a backup, or stop the element and run `artstore storage adopt` again.",
    )
    E008 = (
        "the list of adopted documents is damaged",
        "Restore adopted.jsonl from a backup, or remove it, stop the element and run `artstore storage adopt`"
        " again.",
    )

    A001 = ("an attribute file is not a JSON object in UTF-8", "Restore it from a backup.")
    A002 = ("an attribute file has more than 4096 bytes", "Restore it from a backup, or shorten it by hand.")
    A003 = (
        "a member of the attributes is missing or has a wrong value",
        "Restore the attribute file from a backup, or correct the member by hand.",
    )
    A004 = ("the schema version of attributes is not known", "Check with a newer version of artstore.")
    A005 = ("two attribute files hold the same file_id", "Find out which is the copy and move it away.")

    A006 = (
        "an attribute file does not end with its own checksum, or with a wrong one",
        "Restore it from a backup. If it was corrected by hand, compute the checksum anew. If it came from"
        " elsewhere, stop the element and run `artstore storage adopt`.",
    )
    A007 = (
        "an attribute file is not the one that was adopted",
        "Restore it from a backup.",
    )

    D001 = ("a document's bytes are missing", "Restore them from a backup.")
    D002 = ("a document's bytes have another size than its attributes tell", "Restore them from a backup.")
    D003 = (
        "a document's bytes have another checksum than its attributes tell",
        "Restore them from a backup; they were changed or damaged after they were stored.",
    )
    D004 = (
        "a document's bytes do not decode to the original ones",
        "Restore both files from a backup; if they are the same there, a program wrote them so: report it.",
    )
    D005 = (
        "a document is coded in a way that is not known",
        "Check with a newer version of artstore; until then nobody can read it here.",
    )

    N001 = ("a stored name differs from storage_filename", "Give both files their old name again.")
    N002 = ("a document lies elsewhere than storage_path tells", "Move both files back.")
    N003 = (
        "a document lies in another hour folder than that of its id",
        "Move both files to the folder of the id and correct storage_path.",
    )
    N004 = (
        "a stored name does not hold the document's id",
        "Rename both files as this page tells and correct storage_filename and storage_path.",
    )

    N005 = (
        "a name or a folder is not UTF-8 or holds a backslash, which attributes cannot tell",
        "Rename it.",
    )

    O001 = (
        "a file has no attributes beside it",
        "Restore the attribute file from a backup, or move the file away.",
    )
    O002 = (
        "a temporary file was left by an interruption",
        "Nothing is lost. Remove it, or start the element, which does.",
        Severity.WARNING,
    )
    O003 = (
        "an upload was left in staging by an interruption",
        "Nothing is lost: it was never acknowledged. Remove it, or start the element, which does.",
        Severity.WARNING,
    )
    O004 = (
        "an entry is not of the kind that belongs there (a link, a device, a folder for a file)",
        "Move it away; replace a link by what it points to.",
    )
    O005 = ("an entry does not belong to the format", "Move it away.", Severity.WARNING)
    O006 = (
        "the state of a resumable upload is damaged",
        "No document is lost: its client begins again. Remove it, or start the element, which does.",
        Severity.WARNING,
    )

    O007 = (
        "the journal of a batch is damaged",
        "Documents that wait in it are not stored. Start the element, which puts it aside with its files (in"
        " quarantine/); its client opens another batch.",
        Severity.WARNING,
    )
    O008 = (
        "a file in staging may hold a document whose record the log has lost",
        "Keep it, and put the log back from a backup before starting. Without one start the element, which"
        " moves it to quarantine/.",
    )

    S001 = (
        "a line of the scrub's journal is damaged",
        "Only when some documents were verified is lost. Let the scrub make another pass.",
        Severity.WARNING,
    )

    W001 = (
        "a place in the log is damaged",
        "Start the element, which keeps what can be read and a copy of the rest in quarantine/;"
        " restore from a backup what the damaged records held.",
    )
    W002 = (
        "the log has a torn end",
        "Nothing is lost: what was being written was not acknowledged. Start the element, which cuts it off.",
        Severity.WARNING,
    )
    W003 = (
        "records are missing between those of the log",
        "Look for the segment that held them (quarantine/, a backup) and put it back before starting.",
    )
    W004 = (
        "both copies of a segment's header are damaged",
        "Restore the segment from a backup; without one its records cannot be told from other bytes.",
    )
    W005 = (
        "one copy of a segment's header is damaged",
        "Nothing is lost. Check the disk; the segment goes by itself.",
        Severity.WARNING,
    )
    W006 = ("a segment belongs to another element", "Move it back to its element.")
    W007 = (
        "the checkpoint is damaged or of another element",
        "Nothing is lost. Start the element: it reads the whole log and counts the files.",
        Severity.WARNING,
    )
    W008 = (
        "the end of the log is missing",
        "Look for the segment that held the end (quarantine/, a backup) and put it back before starting.",
    )
    W009 = (
        "a record is whole and makes no sense",
        "Report it: a program wrote it so. Keep a copy of wal/.",
    )
    W010 = (
        "the staged bytes of a committed document are missing",
        "Look for the file (quarantine/, a backup) and put it back into staging/ before starting.",
    )
    W011 = (
        "the checkpoint counts other documents or bytes than there are",
        "Remove wal/checkpoint.json and start the element, which counts anew; it will say once that it cannot"
        " tell whether the log has lost its end.",
    )
    W012 = (
        "a segment is not named after its first record",
        "Rename it, or start the element, which does.",
        Severity.WARNING,
    )

    def __init__(self, title: str, advice: str, severity: Severity = Severity.ERROR) -> None:
        self.title = title
        self.advice = advice
        self.severity = severity

    @property
    def code(self) -> str:
        return self.name
