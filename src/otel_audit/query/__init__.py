"""The read side: which files of a destination count, and which of their records are wanted.

A query goes from top to bottom::

    listing    names of the destination, as far as the window needs them
    catalog    committed files that may hold wanted records, by their manifests
    rows       in each file, the rows that are wanted: only the columns that the query is about
    scan       all of them in order of time, copies folded, the columns asked for

It shares with the write side the record, the paths, the stores and the manifests, and imports nothing else.
"""
