"""Documents that move from one element to another, step by step as Admin's transactions order it.

``holding`` is the side of the source: the mark that keeps everybody else from changing the document, and its
removal in the end. ``arriving`` is the side of the target: the bytes are pulled from the source, hashed,
flushed, committed by one record of the log, and read back. ``endpoints`` is what Admin calls; each call may
be repeated at any time, and by two at once.

A target of mode ``edit`` takes the mark over with the document, so that nobody changes or deletes that there
while the source has it too: what was deleted at the one would come back from the other. Permanent documents
it does not take, and what is in an element that deletes nothing does not leave it.

The *fence*: a target begins to take a document over only while the source bears the mark of that transfer.
Whoever wants to undo a transfer puts another mark there first, and withdraws it from the target then: what
began before is ended by that, and what comes later does not begin.
"""

__all__: list[str] = []
