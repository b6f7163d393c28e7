"""For the tests in Python: what they share lies in Support/."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "Support"))
