"""Settings of every test: no deadline, because the first call of a kernel compiles it."""

import os

from hypothesis import settings

settings.register_profile("encephagen", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("encephagen")
