"""The demonstration: real documents stored, found, fetched and compared on a real system.

``documents`` says which files there are, ``run`` does it all with the public client and keeps an account of
every document, ``outcome`` holds that account. A *step* is one of storing, finding, fetching, looking on
disk. Nothing is printed here; whoever runs the demonstration is told through the ``Audience``.
"""

from artstore.launcher.demo.documents import NothingToStore, samples_folder
from artstore.launcher.demo.outcome import Account, Outcome, Step
from artstore.launcher.demo.run import Audience, Demo

__all__ = ["Account", "Audience", "Demo", "NothingToStore", "Outcome", "Step", "samples_folder"]
