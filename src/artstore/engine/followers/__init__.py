"""Those who bring into another form what the log holds, each at its own position.

Here is the one that the engine runs itself: *files*, which makes each document appear as a file with its
attribute file beside it. Followers outside (index, events) ask the engine for changes.

Following may be repeated from any earlier position: doing again what was done changes nothing.
"""

from artstore.engine.followers.files import FilesFollower, Position

__all__ = ["FilesFollower", "Position"]
