"""The retention policy that a client asks for, wherever it says so."""

from artstore.attributes import RetentionPolicy
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


def retention_policy(values: set[str]) -> RetentionPolicy:
    """Raises Problem INVALID_PARAMETER where ``values`` are none, or several that differ."""
    values = values - {""}  # an HTML form sends the fields that nobody filled in
    if len(values) > 1:
        raise _bad_policy("The retention policy is given twice, with different values.")
    try:
        return RetentionPolicy(values.pop()) if values else RetentionPolicy.PERMANENT
    except ValueError as error:
        raise _bad_policy("The retention policy must be 'temporary' or 'permanent'.") from error


def _bad_policy(detail: str) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, detail, field="retention_policy")
