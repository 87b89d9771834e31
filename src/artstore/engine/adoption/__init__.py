"""Building an element around an archive that other software left, without moving or rewriting a byte of it.

Words: to *adopt* is to check each pair of a document and its attribute file where it lies, and to list it;
what *does not fit* breaks a rule of FORMAT.md: it is told, and nothing of it is touched.

``survey`` looks whether and where there is something to adopt; ``adopting`` checks, lists and builds. The
element comes to be with ``element.json``, which is written last: an interruption before leaves files that the
next adoption replaces. Adopting again changes nothing, or takes in what was put right or added meanwhile.
"""

from artstore.engine.adoption.adopting import Adoption, adopt
from artstore.engine.adoption.survey import CannotAdopt

__all__ = ["Adoption", "CannotAdopt", "adopt"]
