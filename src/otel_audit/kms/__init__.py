"""Keys that a key management service decrypts: parsed here (``url.py``), decrypted in a process of its own
(``decryption.py`` asks, ``answering.py`` is what runs there, ``aws.py`` and ``gcp.py`` ask the services).
"""
