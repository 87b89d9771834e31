"""Where a system is and who asks: the profile that ``artstore up`` writes."""

import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path

from artstore.sdk.errors import BadProfile

PROFILE_VARIABLE = "ARTSTORE_PROFILE"
DEFAULT_PROFILE = Path("data") / "profile.json"


@dataclass(frozen=True)
class Profile:
    """Addresses of the services, without a slash at the end, and the credentials of a service account."""

    admin_url: str
    ingester_url: str
    query_url: str
    client_id: str
    client_secret: str = field(repr=False)

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> "Profile":
        """Reads a profile: the file given, else the one that ARTSTORE_PROFILE names, else
        ``data/profile.json``.

        Members that it does not know are ignored. Raises BadProfile.
        """
        file = Path(path or os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE)
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadProfile(
                f"there is no profile {file}; start a system with `artstore up`, or name a profile "
                f"by {PROFILE_VARIABLE}"
            ) from None
        except (OSError, ValueError) as error:
            raise BadProfile(f"the profile {file} cannot be read: {error}") from error
        values = found if isinstance(found, dict) else {}
        names = [each.name for each in fields(cls)]
        if missing := [name for name in names if not isinstance(values.get(name), str) or not values[name]]:
            raise BadProfile(f"the profile {file} lacks {', '.join(missing)}")
        for name in names:
            if name.endswith("_url") and not values[name].startswith(("http://", "https://")):
                raise BadProfile(f"{name} in the profile {file} does not begin with http:// or https://")
        return cls(**{name: values[name].rstrip("/") for name in names})
