"""The write path: ``path.py`` spells it out from top to bottom.

``shipper.py`` decides when a segment is sealed and encodes it, ``uploader.py`` has a thread for each destination, and
``destination.py`` the last steps. ``losses.py`` sees to it that nothing goes silently, ``adoption.py`` to what dead
processes left, ``cloning.py`` to spools that were copied.
"""
