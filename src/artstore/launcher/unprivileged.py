"""Running a program that refuses to run as root, without giving it a user, and without opening any folder.

First choice: a user namespace in which our user is called 65534 ("nobody"). The program believes that it is
not root, has no capability, and every file stays ours, below folders with mode 0700. Where the machine
forbids user namespaces: the real user 65534 with nothing but the capability to pass closed folders, and the
data given to that user. Who is not root needs neither.
"""

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_NOBODY = 65534


@dataclass(frozen=True)
class Way:
    """How to run it: what stands before the command, and the user that the program's files belong to."""

    wrapper: tuple[str, ...]
    """Replaces itself by the command, so that the process id stays."""
    owner: int

    def hand_over(self, path: Path, *, recursive: bool = True) -> None:
        """Gives a file or folder to the owner, if it is not the owner's already."""
        if path.stat().st_uid == self.owner:
            return
        os.chown(path, self.owner, -1)
        if recursive and path.is_dir():
            for found in path.rglob("*"):
                os.chown(found, self.owner, -1, follow_symlinks=False)


AS_WE_ARE = Way(wrapper=(), owner=os.geteuid())
IN_NAMESPACE = Way(
    wrapper=("unshare", "-U", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--"), owner=os.geteuid()
)
AS_NOBODY = Way(
    wrapper=(
        *("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"),
    ),
    owner=_NOBODY,
)


@cache
def best_way() -> Way:
    """The first way that this machine allows."""
    if os.geteuid() != 0:
        return AS_WE_ARE
    return IN_NAMESPACE if _works(IN_NAMESPACE) else AS_NOBODY


def _works(way: Way) -> bool:
    try:
        return subprocess.run([*way.wrapper, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
