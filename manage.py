#!/usr/bin/env python
"""Django's command line: `.venv/bin/python manage.py help`."""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Carry out a management command."""
    if sys.argv[1:2] == ["serve"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # While the server starts, Ctrl-C ends it by the system. An exception can come in a callback of the garbage
        # collector, where Python reports and forgets it: the server would start all the same.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live_inbox_site.settings")
    try:
        from django.core.management import execute_from_command_line
    except ModuleNotFoundError as error:
        if error.name != "django":
            raise
        python = Path(__file__).resolve().parent / ".venv" / "bin" / "python"
        hint = f"Use {python} manage.py" if python.exists() else "Make the environment: make run"
        sys.exit(f"This Python ({sys.executable}) has no Django. {hint}")

    from live_inbox_site.environment import WrongSettings, site_settings

    try:
        # Before Django, which would wrap what is wrong into a traceback.
        site_settings()
    except WrongSettings as error:
        sys.exit(str(error))
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        # As a shell reports SIGINT, and without a traceback.
        sys.exit(128 + 2)


if __name__ == "__main__":
    main()
