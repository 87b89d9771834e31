"""Coding a resumable upload: its bytes lie as they came until it is complete, and are coded then."""

from collections.abc import Callable
from concurrent.futures import Executor

from artstore.engine.coding.policy import PROBED_BYTES, promises_gain
from artstore.engine.content_type import HEAD_BYTES, content_type_of
from artstore.engine.draft import Draft
from artstore.engine.errors import NoRoom
from artstore.engine.options import EngineOptions
from artstore.engine.resumable.file import ResumableFile
from artstore.engine.threads import in_thread
from artstore.engine.upload import Upload

MOST_BYTES = 256 << 20
"""A larger upload stays as it came: whoever sent its last bytes waits for the coding, but not for ever."""


async def coded_copy(
    options: EngineOptions,
    threads: Executor,
    begin: Callable[[int], Upload],
    file: ResumableFile,
    draft: Draft,
) -> Upload | None:
    """An upload of the same document that is coded in a file of its own, to be committed or aborted.

    None where it is not to be coded, is too large for that, where it does not save enough, and where there is
    no room for both files. ``begin`` gives an upload of so many bytes, all of them staged. Raises OSError.
    """
    if options.coding.coding is None or file.written > MOST_BYTES:
        return None
    head = await file.head(PROBED_BYTES)
    kind = draft.content_type or content_type_of(head[:HEAD_BYTES], draft.original_filename)
    if options.coding.coding_of(kind) is None or len(head) < options.coding.min_bytes:
        return None
    if not await in_thread(threads, promises_gain, head):
        return None
    upload = None
    try:
        upload = begin(file.written)
        upload.expect(draft.original_filename, kind)
        async for piece in file.pieces():
            await upload.write(piece)
        if await upload.is_coded():
            return upload
    except NoRoom:
        pass
    except BaseException:
        if upload is not None:
            await upload.abort()
        raise
    if upload is not None:
        await upload.abort()
    return None
