"""Objects in a bucket or folder: where they are (``layout``), and the port that creates and reads them.

Start with ``base``, the port and its promises; ``local``, ``memory`` and ``gcs`` keep them.
"""
