"""What is counted of logins and sessions."""

from prometheus_client import Counter

LOGINS = Counter("artstore_admin_logins", "Logins of administrators that ended", ("outcome",))
LOCKOUTS = Counter("artstore_admin_lockouts", "Names and addresses that were locked", ("of",))
REFRESHES = Counter("artstore_admin_refreshes", "Refreshes of sessions that ended", ("outcome",))
SESSIONS_ENDED = Counter("artstore_admin_sessions_ended", "Sessions that were ended", ("reason",))
