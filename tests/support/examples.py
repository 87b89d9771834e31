"""How many examples are made up for a test, by Hypothesis or Schemathesis."""

from typing import Final

EXAMPLES_VARIABLE: Final = "GENERATED_EXAMPLES"
"""In the environment. With it examples are others each time; without, the same as long as the test is the same."""
