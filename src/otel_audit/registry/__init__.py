"""The model registry: which models there are, which take personal data as input, and since which deployment.

It is kept where the log is, as one chain of create-only versions, ``_audit/models/<number>.json``: each is one
change, with its number, time, actor and the SHA-256 of the version before it. Whoever loses a race for a number
tries the next.

``versions.py`` is what a version says, ``state.py`` what all of them amount to, ``changes.py`` what can be
changed, ``registry.py`` reads and appends, ``events.py`` tells the log. ``known.py`` is what a running process
goes by: it reads once, when the log is opened, keeps what it read beside the spool for the next start, and reads
again only when it is told to. ``mlflow.py`` reads the tags of MLflow's own registry.
"""
