"""The write path: ``path.py`` spells it out from top to bottom, ``destination.py`` has its last steps.

``shipper.py`` decides when those are taken, ``losses.py`` sees to it that nothing goes silently.
"""
