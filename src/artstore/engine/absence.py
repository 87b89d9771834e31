"""Which errors of opening say that nothing is there."""

import errno

_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}


def is_nowhere(error: OSError) -> bool:
    """Whether no path leads there: nobody put it there, or it lies deeper than a path may be long, of which
    adoption and verification tell.
    """
    return error.errno in _NOWHERE
