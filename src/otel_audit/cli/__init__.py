"""The command ``otel-audit``: one module a command, loaded when the command is called.

click and rich are imported here and nowhere else. Everything that reaches a terminal goes through
``text.py``, since records, object names and paths may hold what an attacker wrote.
"""
