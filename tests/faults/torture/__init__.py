"""Random load, kills and faults for as long as one likes, and a count of what became of every record.

``make torture MINUTES=5``. A driver in its own process starts writers, kills them, breaks the store, and keeps a
ledger, fsynced, of what the writers were told is safe. At the end it lets everything drain, reads the log back
and reports by fault: acknowledged, found, lost, twice. It ends with 1 if anything was lost or is there twice.

``writer.py`` is a writer; each delivery mode is one function there. ``driver.py`` starts and breaks,
``ledger.py`` remembers, ``committed.py`` reads back, sharing nothing with the read side, ``report.py`` judges.
"""
