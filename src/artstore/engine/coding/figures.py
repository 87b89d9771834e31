"""What the coding of documents came to since the start."""

from collections import Counter

from artstore.attributes import FileAttributes


class CodingFigures:
    """For the event loop's thread. Each by the coding's name."""

    def __init__(self) -> None:
        self.documents: Counter[str] = Counter()
        self.original_bytes: Counter[str] = Counter()
        self.stored_bytes: Counter[str] = Counter()
        self.undone = 0
        """Documents that were coded while they came, and stored as they are in the end."""

    def stored(self, attributes: FileAttributes) -> None:
        """A document is durable."""
        if (name := attributes.content_encoding) is not None:
            self.documents[name] += 1
            self.original_bytes[name] += attributes.file_size
            self.stored_bytes[name] += attributes.size_on_disk
